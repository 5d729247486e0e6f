INSERT INTO smpp_rx_queue
  (id, pdu_raw, pdu_parsed, smpp_source_addr, smpp_destination_addr, smpp_short_message, smpp_server_id, kind,
   receipt_message_id, tx_queue_id, concat_ref, concat_part, concat_total, concat_kind, concat_set, concat_repeats)
SELECT *
FROM unnest($1::bigint[], $2::text[], $3::jsonb[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[],
            $9::text[], $10::bigint[], $11::integer[], $12::smallint[], $13::smallint[], $14::text[], $15::bigint[],
            $16::bigint[])
