-- Schema 6. The request of an audit entry.

ALTER TABLE audit ADD COLUMN request_id TEXT;
