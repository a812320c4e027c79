-- Schema 2. How many of an import's findings are warnings.

ALTER TABLE imports ADD COLUMN warnings INTEGER NOT NULL DEFAULT 0;

-- Of older imports only the findings that were kept can be counted.
UPDATE imports SET warnings = (
    SELECT count(*) FROM findings f
    WHERE f.organization = imports.organization AND f.import = imports.id AND f.severity = 'warning'
);
