-- Schema 5. Undo steps of imports: changes to groups and memberships, and removed users.

CREATE TABLE deeds (
    organization TEXT    NOT NULL,
    import       BLOB    NOT NULL,
    number       INTEGER NOT NULL,   -- from 0, in chronological order
    deed         TEXT    NOT NULL,   -- a JSON object
    image        TEXT,               -- a JSON object: all data of a removed user or group
    taken_at     INTEGER NOT NULL,
    PRIMARY KEY (organization, import, number)
) STRICT, WITHOUT ROWID;

-- Steps of earlier imports over SCIM are unknown, unless the import only created users.
INSERT INTO deeds (organization, import, number, deed, taken_at)
    SELECT organization, id, 0, '{"did":"unknown"}', started_at FROM imports i
    WHERE door = 'scim' AND state <> 'undone'
        AND (updated > 0 OR created > (SELECT count(*) FROM users u WHERE u.created_in = i.number));
