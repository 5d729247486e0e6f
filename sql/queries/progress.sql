-- How far message $1 has come.
SELECT status, smpp_message_id, smpp_message_state, message_parts, submission_attempts, submission_info,
  smpp_error_code, error_meaning
FROM smpp_tx_report
WHERE id = $1
