-- The enabled server of lane $1, then up to $3 that may stand in for it, in their order; or the servers $2 of any lane where $1 is NULL.
-- $1 text, $2 bigint[], $3 bigint
SELECT id, name, host, port, esme_system_id, esme_password, esme_source_addr, esme_bind_transceiver, esme_bind_mode,
  esme_registered_delivery, esme_max_submission_attempts, smpp_session_init_timer, smpp_enquire_link_timer,
  smpp_inactivity_timer, smpp_response_timer, smpp_pdu_read_timer, smpp_system_type, smpp_interface_version,
  esme_addr_ton, esme_addr_npi, esme_address_range, esme_service_type, esme_source_addr_ton, esme_source_addr_npi,
  esme_dest_addr_ton, esme_dest_addr_npi, esme_window_size, esme_throughput, esme_throttle_delay, esme_retry_delay,
  esme_default_alphabet, esme_transliterate, esme_long_message, esme_max_parts, esme_part_receipts, esme_receipts_without_esm_class, esme_message_id_format, esme_in_doubt,
  esme_submit_paused, esme_tls, esme_tls_verify, esme_tls_server_name, esme_tls_ca_file, esme_tls_cert_file, esme_tls_key_file,
  esme_country_code, esme_validity_period,
  enabled, esme_failover_order, esme_failover_after
FROM smpp_servers
WHERE (lane = $1 AND (enabled OR esme_failover_order IS NOT NULL)) OR ($1 IS NULL AND id = ANY ($2))
ORDER BY enabled DESC, esme_failover_order, id
LIMIT CASE WHEN $1 IS NOT NULL THEN 1 + $3::bigint END
