-- Schema 2. The number of warnings among an import's findings.

ALTER TABLE imports ADD COLUMN warnings INTEGER NOT NULL DEFAULT 0;

-- For older imports, only stored findings can be counted.
UPDATE imports SET warnings = (
    SELECT count(*) FROM findings f
    WHERE f.organization = imports.organization AND f.import = imports.id AND f.severity = 'warning'
);
