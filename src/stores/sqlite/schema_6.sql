-- Schema 6. The request that an entry of the audit was made in.

ALTER TABLE audit ADD COLUMN request_id TEXT;
