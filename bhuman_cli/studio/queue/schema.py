"""Tables of the studio's two SQLite files: what is to be made, and the log of requests. Opened by `queue.database`."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """A file's tables. changes: what makes a file of the version before into one of this version, by version."""

    version: int
    ddl: str
    changes: dict[int, str]
    synchronous: str = "FULL"


_TALLY: Final = """
-- How many there are of each, kept by triggers: counting a year's videos would take longer than showing a page.
CREATE TABLE tally (of TEXT NOT NULL, word TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (of, word)) WITHOUT ROWID;
CREATE TRIGGER generation_added AFTER INSERT ON generations BEGIN
  INSERT INTO tally VALUES ('state', NEW.state, 1) ON CONFLICT (of, word) DO UPDATE SET n = n + 1; END;
CREATE TRIGGER generation_moved AFTER UPDATE OF state ON generations WHEN OLD.state <> NEW.state BEGIN
  UPDATE tally SET n = n - 1 WHERE of = 'state' AND word = OLD.state; \
INSERT INTO tally VALUES ('state', NEW.state, 1) ON CONFLICT (of, word) DO UPDATE SET n = n + 1; END;
CREATE TRIGGER callback_added AFTER INSERT ON callbacks BEGIN
  INSERT INTO tally VALUES ('outcome', NEW.outcome, 1) ON CONFLICT (of, word) DO UPDATE SET n = n + 1; END;
CREATE TRIGGER callback_gone AFTER DELETE ON callbacks BEGIN
  UPDATE tally SET n = n - 1 WHERE of = 'outcome' AND word = OLD.outcome; END;
CREATE TRIGGER callback_moved AFTER UPDATE OF outcome ON callbacks WHEN OLD.outcome <> NEW.outcome BEGIN
  UPDATE tally SET n = n - 1 WHERE of = 'outcome' AND word = OLD.outcome; \
INSERT INTO tally VALUES ('outcome', NEW.outcome, 1) ON CONFLICT (of, word) DO UPDATE SET n = n + 1; END;
"""

_INDEXES: Final = """
CREATE INDEX batches_by_target ON batches (target_kind, target_id, before);
CREATE INDEX generations_in_batch ON generations (batch_no, api_row_index);
CREATE INDEX generations_queued ON generations (seq) WHERE state = 'queued';
CREATE INDEX generations_owned ON generations (owner) WHERE owner IS NOT NULL;
CREATE INDEX callbacks_owned ON callbacks (owner) WHERE owner IS NOT NULL;
CREATE INDEX callbacks_due ON callbacks (receiver, due_s) WHERE outcome = '' AND owner IS NULL;
CREATE INDEX things_in_order ON things (kind, position);
"""

QUEUE: Final = Schema(
    version=4,
    ddl=f"""
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
    accepted_by  TEXT NOT NULL DEFAULT '',     -- the process that took it, and does it as long as it lives
    rows         INTEGER NOT NULL DEFAULT 0,
    before       INTEGER NOT NULL DEFAULT 0    -- rows of earlier batches of the target: a page is found by it
);

-- One video. state only moves forward, but for work whose owner died or had no room: that is queued again.
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
    updated_at     TEXT NOT NULL,
    reads          INTEGER NOT NULL DEFAULT 0   -- for --advance reads:N: set once it was shown so often
);

-- A message that somebody is owed. One per generation and event, whatever happens.
CREATE TABLE callbacks (
    generation_id TEXT NOT NULL REFERENCES generations(id),
    event         TEXT NOT NULL,       -- completion | whatsapp.ready
    url           TEXT NOT NULL,
    attempts      INTEGER NOT NULL DEFAULT 0,
    due_s         REAL NOT NULL,
    owner         TEXT,                -- the process that is sending it
    outcome       TEXT NOT NULL DEFAULT '',  -- '' still owed; else delivered | refused: why | given up: why
    receiver      TEXT NOT NULL DEFAULT '',  -- host and port: a silent one keeps nobody else waiting
    PRIMARY KEY (generation_id, event)
);

-- Campaigns, video instances, Speakeasy projects and saved webhooks: the record itself is JSON.
CREATE TABLE things (
    kind       TEXT NOT NULL,          -- campaign | instance | project | webhook
    id         TEXT NOT NULL,
    position   INTEGER NOT NULL,       -- 1, 2, 3, ... within its kind
    record     TEXT NOT NULL,
    PRIMARY KEY (kind, id)
);

CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL);
{_INDEXES}{_TALLY}""",
    changes={
        2: "ALTER TABLE callbacks ADD COLUMN owner TEXT",
        3: "ALTER TABLE batches ADD COLUMN accepted_by TEXT NOT NULL DEFAULT ''",
        4: f"""
ALTER TABLE batches ADD COLUMN rows INTEGER NOT NULL DEFAULT 0;
ALTER TABLE batches ADD COLUMN before INTEGER NOT NULL DEFAULT 0;
ALTER TABLE generations ADD COLUMN reads INTEGER NOT NULL DEFAULT 0;
ALTER TABLE callbacks ADD COLUMN receiver TEXT NOT NULL DEFAULT '';
DROP INDEX IF EXISTS generations_by_batch;
DROP INDEX IF EXISTS generations_unfinished;
DROP INDEX IF EXISTS callbacks_owed;
DROP TABLE IF EXISTS requests;
{_INDEXES}
UPDATE batches SET rows = (SELECT count(*) FROM generations WHERE batch_no = batches.no);
UPDATE batches SET before = earlier.rows FROM (SELECT no, sum(rows) OVER (PARTITION BY target_kind, target_id \
ORDER BY no) - rows AS rows FROM batches) earlier WHERE earlier.no = batches.no;
{_TALLY}
INSERT INTO tally SELECT 'state', state, count(*) FROM generations GROUP BY state;
INSERT INTO tally SELECT 'outcome', outcome, count(*) FROM callbacks GROUP BY outcome;
""",
    },
)

LOG: Final = Schema(
    version=1,
    ddl="""
-- Every request that came, in the order it came. Bodies only of those that are not GET and had credentials.
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
CREATE TABLE numbers (next INTEGER NOT NULL);
INSERT INTO numbers VALUES (1);
""",
    changes={},
    synchronous="OFF",
)
"""A log in a file of its own, which waits for no disk: what a power cut takes from it costs nobody anything."""
