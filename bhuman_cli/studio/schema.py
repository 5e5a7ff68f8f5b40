"""Owns the studio's tables. Opened, written and read by `store` only."""

from typing import Final

VERSION: Final = 3

DDL: Final = """
-- Every request that came, in the order it came. Bodies only of those that are not GET.
CREATE TABLE requests (
    no      INTEGER PRIMARY KEY,
    method  TEXT NOT NULL,
    path    TEXT NOT NULL,
    query   TEXT NOT NULL,
    status  INTEGER NOT NULL,          -- 0: the connection was closed without an answer
    fault   TEXT NOT NULL,             -- the rehearsed misbehaviour it met, or ''
    body    BLOB,
    at      TEXT NOT NULL
);
CREATE INDEX requests_with_bodies ON requests (no) WHERE body IS NOT NULL;

-- What one accepted request said once for all its rows.
CREATE TABLE batches (
    no           INTEGER PRIMARY KEY,
    request_no   INTEGER NOT NULL,
    route        TEXT NOT NULL,
    target_kind  TEXT NOT NULL,        -- campaign | instance | preview
    target_id    TEXT NOT NULL,
    variables    TEXT NOT NULL,        -- JSON list
    backgrounds  TEXT NOT NULL,        -- JSON list
    options      TEXT NOT NULL,        -- JSON: generation_mode, enable_lipsync
    callback_url TEXT NOT NULL,
    whatsapp     INTEGER NOT NULL,
    template     TEXT,                 -- path; NULL: the built-in presenter
    accepted_at  TEXT NOT NULL,
    accepted_by  TEXT NOT NULL DEFAULT ''  -- the process that took it, and does it as long as it lives
);

-- One video. state only moves forward, but for work whose owner died: that is queued again.
CREATE TABLE generations (
    seq            INTEGER PRIMARY KEY,
    id             TEXT NOT NULL UNIQUE,
    batch_no       INTEGER NOT NULL REFERENCES batches(no),
    api_row_index  INTEGER NOT NULL,   -- inside its request, from 0
    text           TEXT NOT NULL,      -- JSON list, as submitted
    assets         TEXT NOT NULL,      -- JSON list, one per background, '' where blank
    state          TEXT NOT NULL,      -- queued | preparing | processing | succeeded | failed
    owner          TEXT,               -- the process that works on it
    attempts       INTEGER NOT NULL DEFAULT 0,
    message        TEXT NOT NULL DEFAULT '',
    placeholder    INTEGER NOT NULL DEFAULT 0,  -- 1: ended without rendering
    accepted_s     REAL NOT NULL,      -- seconds since 1970, for --advance seconds:S
    updated_at     TEXT NOT NULL
);
CREATE INDEX generations_by_batch ON generations (batch_no, seq);
CREATE INDEX generations_unfinished ON generations (state, seq) WHERE state NOT IN ('succeeded', 'failed');

-- A message that somebody is owed. One per generation and event, whatever happens.
CREATE TABLE callbacks (
    generation_id TEXT NOT NULL REFERENCES generations(id),
    event         TEXT NOT NULL,       -- completion | whatsapp.ready
    url           TEXT NOT NULL,
    attempts      INTEGER NOT NULL DEFAULT 0,
    due_s         REAL NOT NULL,
    owner         TEXT,                -- the process that is sending it
    outcome       TEXT NOT NULL DEFAULT '',  -- '' still owed; else delivered | refused: why | given up: why
    PRIMARY KEY (generation_id, event)
);
CREATE INDEX callbacks_owed ON callbacks (due_s) WHERE outcome = '';

-- Campaigns, video instances, Speakeasy projects and saved webhooks: the record itself is JSON.
CREATE TABLE things (
    kind       TEXT NOT NULL,          -- campaign | instance | project | webhook
    id         TEXT NOT NULL,
    position   INTEGER NOT NULL,
    record     TEXT NOT NULL,
    PRIMARY KEY (kind, id)
);

CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL);
"""

CHANGES: Final = {
    2: "ALTER TABLE callbacks ADD COLUMN owner TEXT",
    3: "ALTER TABLE batches ADD COLUMN accepted_by TEXT NOT NULL DEFAULT ''",
}
"""What makes a file of the version before into one of this version."""
