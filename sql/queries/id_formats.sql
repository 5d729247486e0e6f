SELECT format, matches, receipts FROM esmed_id_formats($1)
