-- Schema 3. Rejected rows in packed blocks, up to a limit.

ALTER TABLE imports ADD COLUMN rejects_total INTEGER NOT NULL DEFAULT 0;
ALTER TABLE imports ADD COLUMN rejects_kept  INTEGER NOT NULL DEFAULT 0;
ALTER TABLE imports ADD COLUMN rejects_bytes INTEGER NOT NULL DEFAULT 0;  -- packed
ALTER TABLE imports ADD COLUMN rejects_width INTEGER NOT NULL DEFAULT 0;  -- cells of the longest row

-- Rejected rows, unchanged except for the blanked password.
CREATE TABLE reject_blocks (
    organization TEXT    NOT NULL,
    import       BLOB    NOT NULL,
    number       INTEGER NOT NULL,   -- of its first row, from 0, in the order of rejection
    first_line   INTEGER NOT NULL,
    last_line    INTEGER NOT NULL,
    rows         INTEGER NOT NULL,
    width        INTEGER NOT NULL,   -- cells of the longest row
    data         BLOB    NOT NULL    -- rows by line, deflated
) STRICT;

CREATE INDEX reject_blocks_by_line ON reject_blocks (organization, import, first_line, number, last_line);
