-- Schema 7. Cells that the operator changed before an import; column maps that are kept.

ALTER TABLE imports ADD COLUMN mended INTEGER NOT NULL DEFAULT 0;

CREATE TABLE column_maps (
    organization TEXT    NOT NULL,
    header_key   TEXT    NOT NULL,   -- SHA-256 of the headings
    map          TEXT    NOT NULL,   -- a JSON object
    used_at      INTEGER NOT NULL,
    PRIMARY KEY (organization, header_key)
) STRICT, WITHOUT ROWID;
