-- Schema 7. Cells that the operator changed before an import; column maps that are kept; indexes for lists of imports
-- and for the audit entries of one import.

ALTER TABLE imports ADD COLUMN mended INTEGER NOT NULL DEFAULT 0;

CREATE TABLE column_maps (
    organization TEXT    NOT NULL,
    header_key   TEXT    NOT NULL,   -- SHA-256 of the headings
    map          TEXT    NOT NULL,   -- a JSON object
    used_at      INTEGER NOT NULL,
    PRIMARY KEY (organization, header_key)
) STRICT, WITHOUT ROWID;

-- For case-insensitive comparison, as in keys of names. The program fills them for earlier imports.
ALTER TABLE imports ADD COLUMN operator_key TEXT NOT NULL DEFAULT '';
ALTER TABLE imports ADD COLUMN file_key     TEXT NOT NULL DEFAULT '';

-- For filtered lists: it has every column that a filter compares.
CREATE INDEX imports_listed ON imports (organization, id, state, door, started_at, operator_key, file_key);

-- The audit entries of one import.
CREATE INDEX audit_of_import ON audit (organization, import, id) WHERE import IS NOT NULL;
