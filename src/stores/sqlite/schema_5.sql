-- Schema 5. What an import did to groups, to memberships, and to users whom it removed.

CREATE TABLE deeds (
    organization TEXT    NOT NULL,
    import       BLOB    NOT NULL,
    number       INTEGER NOT NULL,   -- from 0, in the order in which it was done
    deed         TEXT    NOT NULL,   -- a JSON object
    image        TEXT,               -- a JSON object: all of a user or group that was removed
    taken_at     INTEGER NOT NULL,
    PRIMARY KEY (organization, import, number)
) STRICT, WITHOUT ROWID;

-- Of earlier imports over SCIM it is not known, unless they only made users.
INSERT INTO deeds (organization, import, number, deed, taken_at)
    SELECT organization, id, 0, '{"did":"unknown"}', started_at FROM imports i
    WHERE door = 'scim' AND state <> 'undone'
        AND (updated > 0 OR created > (SELECT count(*) FROM users u WHERE u.created_in = i.number));
