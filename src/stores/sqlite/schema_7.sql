-- Schema 7. Cells that the operator changed before an import.

ALTER TABLE imports ADD COLUMN mended INTEGER NOT NULL DEFAULT 0;
