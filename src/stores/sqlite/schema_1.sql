-- Schema 1. The organization is the first column of every key, and the space that of a user's keys, so
-- that the tables can be sharded.

-- The user stores of all organizations.
CREATE TABLE spaces (
    id           INTEGER PRIMARY KEY,
    organization TEXT NOT NULL,
    domain       TEXT NOT NULL,
    UNIQUE (organization, domain)
) STRICT;

CREATE TABLE users (
    space         INTEGER NOT NULL,
    name_key      TEXT    NOT NULL,  -- NFC, case-folded
    id            BLOB    NOT NULL,  -- UUID version 7, 16 bytes
    user_name     TEXT,              -- null: the name is its own key
    given_name    TEXT,
    family_name   TEXT,
    email         TEXT,
    external_id   TEXT,              -- the user's identifier in another system
    attributes    TEXT,              -- a JSON object
    password_hash TEXT,              -- of any scheme; null: the default password of the import created_in
                                     -- if must_change; otherwise the user has no password
    must_change   INTEGER NOT NULL,
    password_at   INTEGER,           -- when the password was set; null: at created_at
    created_in    INTEGER,           -- number of the import
    created_line  INTEGER,
    created_at    INTEGER NOT NULL,  -- microseconds since 1970-01-01T00:00:00Z
    modified_in   INTEGER,           -- number of the last import that changed it
    modified_at   INTEGER,           -- null: never; each change is later than the previous one
    UNIQUE (space, name_key),
    UNIQUE (space, id)
) STRICT;

CREATE INDEX users_by_external_id ON users (space, external_id) WHERE external_id IS NOT NULL;

-- Users, for queries.
CREATE VIEW people AS
    SELECT s.organization, s.domain, u.name_key, u.id, coalesce(u.user_name, u.name_key) AS user_name,
        u.given_name, u.family_name, u.email, u.external_id, u.attributes, u.password_hash,
        u.must_change, u.password_at, u.created_in, u.created_line, u.created_at, u.modified_in,
        u.modified_at,
        (SELECT i.id FROM imports i WHERE i.number = u.created_in) AS created_by,
        (SELECT i.id FROM imports i WHERE i.number = u.modified_in) AS modified_by
    FROM spaces s JOIN users u ON u.space = s.id;

-- The built-in ones are added by the program, because their ids differ between databases.
CREATE TABLE roles (
    organization TEXT    NOT NULL,
    domain       TEXT    NOT NULL,   -- INTERNAL: no user store; the name begins with Internal/
    name         TEXT    NOT NULL,
    name_key     TEXT    NOT NULL,   -- NFC, case-folded
    id           BLOB    NOT NULL,   -- UUID version 7, 16 bytes
    external_id  TEXT,
    permissions  TEXT,               -- a JSON array of strings, stored unchanged
    created_at   INTEGER NOT NULL,
    modified_at  INTEGER,            -- null: never, and without members
    PRIMARY KEY (organization, domain, name),
    UNIQUE (organization, domain, name_key),
    UNIQUE (organization, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE role_members (
    organization TEXT NOT NULL,
    domain       TEXT NOT NULL,
    user_id      BLOB NOT NULL,
    role         TEXT NOT NULL,
    PRIMARY KEY (organization, domain, user_id, role)
) STRICT, WITHOUT ROWID;

CREATE INDEX role_members_by_role ON role_members (organization, domain, role, user_id);

-- Groups that are members of groups.
CREATE TABLE role_groups (
    organization TEXT NOT NULL,
    role         BLOB NOT NULL,      -- the id of the containing group
    member       BLOB NOT NULL,      -- the id of the contained group
    PRIMARY KEY (organization, role, member)
) STRICT, WITHOUT ROWID;

CREATE INDEX role_groups_by_member ON role_groups (organization, member);

CREATE TABLE imports (
    number                INTEGER PRIMARY KEY,  -- a short reference for users: one to four bytes instead of its id
    organization          TEXT    NOT NULL,
    id                    BLOB    NOT NULL,
    domain                TEXT    NOT NULL,
    door                  TEXT    NOT NULL,
    operator              TEXT    NOT NULL,
    file_name             TEXT    NOT NULL,
    sha256                TEXT,
    state                 TEXT    NOT NULL,
    reason                TEXT,
    total                 INTEGER NOT NULL,
    created               INTEGER NOT NULL,
    updated               INTEGER NOT NULL,
    unchanged             INTEGER NOT NULL,
    duplicate             INTEGER NOT NULL,
    failed                INTEGER NOT NULL,
    skipped               INTEGER NOT NULL,
    findings              INTEGER NOT NULL,
    started_at            INTEGER NOT NULL,
    finished_at           INTEGER,
    default_password_hash TEXT,
    default_password_note TEXT,      -- stays, initial, or the rule it breaks
    options               TEXT    NOT NULL,  -- a JSON object
    idempotency_key       TEXT,
    rows_sha256           TEXT,      -- of the rows processed, if there is a key
    stretch_from          INTEGER,   -- the rows from this one, counted from 0, up to
    stretch_to            INTEGER,   -- this one, exclusive, are processed in the order of their names
    header                TEXT,      -- a JSON array: names of the file's columns
    may_grant_admin       INTEGER NOT NULL,
    active_at             INTEGER NOT NULL,  -- the last heartbeat of the process that runs it
    cancel_requested_at   INTEGER,           -- when cancellation was requested
    UNIQUE (organization, id)
) STRICT;

CREATE UNIQUE INDEX imports_by_key ON imports (organization, idempotency_key)
    WHERE idempotency_key IS NOT NULL;

-- Rejected rows, unchanged except for the blanked password.
CREATE TABLE rejects (
    organization TEXT    NOT NULL,
    import       BLOB    NOT NULL,
    number       INTEGER NOT NULL,   -- from 0, in the order of rejection
    line         INTEGER NOT NULL,
    cells        TEXT    NOT NULL,   -- a JSON array of strings
    code         TEXT    NOT NULL,
    message      TEXT    NOT NULL,
    PRIMARY KEY (organization, import, number)
) STRICT, WITHOUT ROWID;

-- The state of users before an import changed them.
CREATE TABLE before_images (
    organization TEXT    NOT NULL,
    import       BLOB    NOT NULL,
    user_id      BLOB    NOT NULL,
    image        TEXT    NOT NULL,   -- a JSON object
    taken_at     INTEGER NOT NULL,
    PRIMARY KEY (organization, import, user_id)
) STRICT, WITHOUT ROWID;

-- Results of an import's operations, if the caller can query them.
CREATE TABLE operation_results (
    organization TEXT    NOT NULL,
    import       BLOB    NOT NULL,
    number       INTEGER NOT NULL,   -- from 1, in the order of the request
    result       TEXT    NOT NULL,   -- a JSON object
    PRIMARY KEY (organization, import, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    organization TEXT    NOT NULL,
    id           BLOB    NOT NULL,   -- UUID version 7
    at           INTEGER NOT NULL,
    operator     TEXT    NOT NULL,
    door         TEXT    NOT NULL,
    action       TEXT    NOT NULL,
    import       BLOB,
    target       TEXT,
    details      TEXT    NOT NULL,   -- a JSON object
    PRIMARY KEY (organization, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE findings (
    organization TEXT    NOT NULL,
    import       BLOB    NOT NULL,
    number       INTEGER NOT NULL,   -- from 0, in the order of creation
    line         INTEGER NOT NULL,
    column_name  TEXT,
    severity     TEXT    NOT NULL,
    code         TEXT    NOT NULL,
    message      TEXT    NOT NULL,
    user_name    TEXT,
    PRIMARY KEY (organization, import, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE operators (
    name_key      TEXT    NOT NULL PRIMARY KEY,
    name          TEXT    NOT NULL,
    role          TEXT    NOT NULL,
    organization  TEXT,              -- null: all
    password_hash TEXT    NOT NULL,
    created_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE organizations (
    name_key   TEXT    NOT NULL PRIMARY KEY,  -- lower case
    name       TEXT    NOT NULL UNIQUE,       -- the value of every column called organization
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO organizations (name_key, name, created_at) VALUES
    ('default', 'default', unixepoch() * 1000000);

CREATE TABLE tokens (
    digest       BLOB    NOT NULL PRIMARY KEY,  -- SHA-256 of the token's text
    id           BLOB    NOT NULL UNIQUE,       -- UUID version 7
    operator     TEXT    NOT NULL,              -- its name key
    role         TEXT    NOT NULL,
    organization TEXT,                          -- null: those of its operator
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
