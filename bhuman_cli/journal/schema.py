"""Tables of the journal, their reasons, and the steps from older versions. Runs no queries of its own."""

from __future__ import annotations

from typing import Final

VERSION: Final = 2
APPLICATION_ID: Final = 0x62_48_4D_4E  # "bHMN": another program's SQLite file is never taken for a journal

TABLES: Final = """
-- Where rows are sent. What was paid is known per target, across all files and runs.
CREATE TABLE target (
  target_id   INTEGER PRIMARY KEY,
  service     TEXT NOT NULL,          -- `local`, or scheme://host[:port]
  kind        TEXT NOT NULL,          -- campaign | instance
  api_id      TEXT NOT NULL,
  epoch       INTEGER NOT NULL DEFAULT 0,  -- +1 with every request sent: a plan made before is stale
  braked_at   TEXT NOT NULL DEFAULT '',    -- too many failures: no further request until a person says so
  failures_from TEXT NOT NULL DEFAULT '',  -- a person accepted the failures: videos that ended before count no more
  respellings TEXT NOT NULL DEFAULT '',  -- how confirmed records write values otherwise: case, space, entities
  UNIQUE (service, kind, api_id)
) STRICT;

-- One `render` of one table on one target. A draft claims nothing and is deleted by the next run.
CREATE TABLE run (
  run_no        INTEGER PRIMARY KEY AUTOINCREMENT,  -- a deleted draft's number never names another plan
  run_id        TEXT NOT NULL UNIQUE,
  target_id     INTEGER NOT NULL REFERENCES target,
  state         TEXT NOT NULL CHECK (state IN ('draft', 'confirmed', 'superseded')),
  input_path    TEXT NOT NULL,        -- absolute; <working directory>/stdin for standard input
  input_sha256  TEXT NOT NULL,
  output_path   TEXT NOT NULL,
  output_sha256 TEXT NOT NULL DEFAULT '',  -- of the results file as we last wrote it
  columns       TEXT NOT NULL,        -- JSON list: source columns in the results file
  spec          TEXT NOT NULL,        -- JSON: variables, backgrounds, generation mode, lipsync
  options       TEXT NOT NULL,        -- JSON: how to send, wait and write; no secrets
  again         INTEGER NOT NULL DEFAULT 0,
  epoch         INTEGER NOT NULL DEFAULT -1,  -- the target's epoch when rows were last matched with what is paid
  created_at    TEXT NOT NULL,
  confirmed_at  TEXT,
  stopped       TEXT NOT NULL DEFAULT '',  -- why submitting ended early, '' if it did not
  superseded_by TEXT,
  tally         TEXT,                 -- JSON: rows by status, once the rows themselves were dropped
  media_folder  TEXT NOT NULL DEFAULT '', -- of the last download
  profile       TEXT NOT NULL DEFAULT '', -- whose credentials pay for it
  key_id        TEXT NOT NULL DEFAULT '',
  first_rows    INTEGER,              -- how many videos are sent alone before the others; NULL: none, or they are over
  continues     TEXT NOT NULL DEFAULT '', -- the input path of the file that this one continues under another name
  reading_rules INTEGER NOT NULL DEFAULT 0, -- version of the rules by which cells became values
  reused        INTEGER NOT NULL DEFAULT 0, -- rows that cost nothing, once the rows themselves were dropped
  shared        INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX run_by_input ON run (target_id, input_path);
CREATE INDEX run_guard ON run (run_no, run_id, output_path, columns, spec, options);  -- stands twice, as claim_guard

-- One data row of the input. `claim_id` is the generation it shows, paid by this run or an earlier one.
CREATE TABLE row (
  run_no    INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  row_index INTEGER NOT NULL,
  line      INTEGER NOT NULL,
  state     TEXT NOT NULL,            -- pending | skipped | invalid | rejected
  selected  INTEGER NOT NULL,
  plan      TEXT,                     -- new | retried | reused | shared | later | sent | NULL (nothing to send)
  identity  BLOB,
  text_key  BLOB,                     -- what the service's `text` must hash to
  claim_id  INTEGER REFERENCES claim,
  message   TEXT NOT NULL DEFAULT '',
  cells     TEXT,                     -- JSON list, untouched; NULL once forgotten
  payload   TEXT,                     -- JSON [values, assets]; only while it may be sent
  shares    INTEGER,                  -- the equal row of this run whose video it shows
  PRIMARY KEY (run_no, row_index)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX row_claim ON row (run_no, claim_id) WHERE claim_id IS NOT NULL;  -- one generation, one row
CREATE INDEX row_to_send ON row (run_no, row_index) WHERE plan IN ('new', 'retried');

-- One paid request.
CREATE TABLE chunk (
  chunk_id    INTEGER PRIMARY KEY,
  run_no      INTEGER NOT NULL REFERENCES run,
  target_id   INTEGER NOT NULL REFERENCES target,
  parent_id   INTEGER REFERENCES chunk,
  state       TEXT NOT NULL CHECK (state IN
                ('planned','sending','mapping','accepted','rejected','split','in_doubt','released')),
  epoch       INTEGER NOT NULL,
  token       TEXT NOT NULL UNIQUE,   -- names this attempt in callback URLs and rescued answers
  rows        INTEGER NOT NULL,
  body        BLOB,                   -- the frozen request; NULL once it can't be needed
  body_sha256 TEXT NOT NULL,
  planned_at  TEXT NOT NULL,
  sending_at  TEXT,
  judged_at   TEXT,
  reason      TEXT NOT NULL DEFAULT '',
  sender      TEXT NOT NULL DEFAULT '',  -- host, user and process that sent it: whose folders may hold its answer
  clock_offset_s REAL,                -- the service's clock minus ours, near the sending
  lost_at     TEXT NOT NULL DEFAULT '',  -- the service's time when it was first looked for, once in doubt
  list_shows_unfinished INTEGER NOT NULL DEFAULT 0  -- since it is open, the list showed an unfinished video of ours
) STRICT;
CREATE INDEX chunk_open ON chunk (target_id, state) WHERE state IN ('planned','sending','mapping','in_doubt');
CREATE INDEX chunk_run ON chunk (run_no);
CREATE INDEX chunk_sent ON chunk (sending_at) WHERE sending_at IS NOT NULL;  -- budgets count by day

-- A row's place in a request: the unit that may be paid. `live` until it is certain that it was not accepted.
CREATE TABLE claim (
  claim_id      INTEGER PRIMARY KEY,
  chunk_id      INTEGER REFERENCES chunk,  -- NULL: adopted from a results file
  place         INTEGER NOT NULL,     -- the row's index inside the request
  target_id     INTEGER NOT NULL REFERENCES target,
  run_no        INTEGER,
  row_index     INTEGER,
  identity      BLOB NOT NULL,
  text_key      BLOB NOT NULL,
  attempt       INTEGER NOT NULL DEFAULT 1,
  live          INTEGER NOT NULL DEFAULT 1,
  replaced_by   INTEGER REFERENCES claim,  -- the retry that took over from a failed render
  generation_id TEXT UNIQUE,          -- an id binds once
  binding       TEXT,                 -- provisional | confirmed | position | conflict
  seen          TEXT,                 -- what the record said to bind by: own | other | odd | index:<n> | none
  status        TEXT NOT NULL DEFAULT '',
  url           TEXT NOT NULL DEFAULT '',
  share_url     TEXT NOT NULL DEFAULT '',
  thumbnail     TEXT NOT NULL DEFAULT '',
  gif           TEXT NOT NULL DEFAULT '',
  whatsapp_video_url TEXT NOT NULL DEFAULT '',
  message       TEXT NOT NULL DEFAULT '',
  execution_name TEXT NOT NULL DEFAULT '',
  generated_at  TEXT NOT NULL DEFAULT '',
  accepted_at   TEXT,
  ended_at      TEXT,
  forgotten     INTEGER NOT NULL DEFAULT 0,  -- a person asked to be removed: never asked by its id again
  missing_from  TEXT NOT NULL DEFAULT '',  -- since when the service says that it knows no such id
  missing_looks INTEGER NOT NULL DEFAULT 0,  -- commands that were told so since then
  asked_at      TEXT NOT NULL DEFAULT '',  -- when it was asked whether it is still there, '' since it ended
  UNIQUE (chunk_id, place)
) STRICT;
CREATE UNIQUE INDEX claim_live ON claim (run_no, row_index) WHERE live = 1;  -- a row is in at most one live chunk
CREATE INDEX claim_pool ON claim (target_id, identity) WHERE live = 1;
CREATE INDEX claim_text ON claim (chunk_id, text_key);
CREATE INDEX claim_ended ON claim (target_id, ended_at) WHERE ended_at IS NOT NULL;  -- the last failures
-- What is shown beside a person stands twice: a bit that rots in one of the two is noticed (`integrity`).
CREATE INDEX claim_guard ON claim (claim_id, status, binding, url, share_url, thumbnail, gif, whatsapp_video_url);

-- What came back for a request, as it came, before anybody reads it. Append-only.
CREATE TABLE answer (
  answer_id INTEGER PRIMARY KEY,
  chunk_id  INTEGER NOT NULL REFERENCES chunk,
  at        TEXT NOT NULL,
  status    INTEGER,                  -- NULL: no answer
  headers   TEXT NOT NULL DEFAULT '{}',
  body      BLOB NOT NULL DEFAULT x'',
  error     TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX answer_chunk ON answer (chunk_id);

-- What people decided, and what was found out without them. Append-only.
CREATE TABLE decision (
  decision_id INTEGER PRIMARY KEY,
  at          TEXT NOT NULL,
  run_id      TEXT NOT NULL,
  chunk_id    INTEGER,
  what        TEXT NOT NULL,
  detail      TEXT NOT NULL DEFAULT ''
) STRICT;

-- Each video that a target's list has shown, judged once: ours, others' (a person said so), gone, or unknown.
CREATE TABLE listed_video (
  target_id     INTEGER NOT NULL REFERENCES target,
  generation_id TEXT NOT NULL,
  whose         TEXT NOT NULL,        -- ours | others | gone | unknown
  marks         TEXT,                 -- JSON list: digests of its text's values, folded; NULL where it shows none
  at            TEXT NOT NULL,
  PRIMARY KEY (target_id, generation_id)
) STRICT, WITHOUT ROWID;

-- What happened, in the order in which it was recorded; event_id is the cursor of whoever reads on. Append-only.
CREATE TABLE event (
  event_id INTEGER PRIMARY KEY AUTOINCREMENT,
  at       TEXT NOT NULL,
  kind     TEXT NOT NULL,             -- status (the service told a new one) | accepted | doubt | callback
  run_no   INTEGER,
  claim_id INTEGER,
  detail   TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX event_claim ON event (claim_id);

-- What holds for the whole journal: its random id, the time zone in which days are counted.
CREATE TABLE fact (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;

-- Plans that were applied: each once.
CREATE TABLE applied_plan (
  plan_id TEXT PRIMARY KEY,
  run_id  TEXT NOT NULL,
  at      TEXT NOT NULL
) STRICT;

-- People who asked to be removed: their rows are shown as `skipped` and never paid again. Holds no value of theirs.
CREATE TABLE forgotten (
  name   TEXT NOT NULL,               -- the column that names them; '' for the whole row
  digest BLOB NOT NULL,               -- of the value, with a key of this journal's own
  at     TEXT NOT NULL,
  PRIMARY KEY (name, digest)
) STRICT, WITHOUT ROWID;

-- Files that hold rows of a run, so that a person can be removed from them: exports, galleries, folders of media.
CREATE TABLE artifact (
  path   TEXT PRIMARY KEY,            -- absolute
  kind   TEXT NOT NULL,               -- table | page | media | posters | text
  run_no INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"""

# A duplicate is the same bytes about the same generation on the same attempt's URL. The token is part of it, because a
# forged copy on another URL must not hide the true one.
CALLBACK_TABLES: Final = """
CREATE TABLE IF NOT EXISTS callback (
  position      INTEGER PRIMARY KEY AUTOINCREMENT,
  generation_id TEXT NOT NULL,
  kind          TEXT NOT NULL,        -- completion | whatsapp.ready | another event's name
  sha256        BLOB NOT NULL,        -- of the body
  token         TEXT NOT NULL,        -- names the chunk attempt whose URL was called, '' if none
  status        TEXT NOT NULL,
  received_at   TEXT NOT NULL,
  body          BLOB NOT NULL,        -- as it came
  UNIQUE (generation_id, kind, sha256, token)
) STRICT;
CREATE INDEX IF NOT EXISTS callback_token ON callback (token) WHERE token <> '';
CREATE INDEX IF NOT EXISTS callback_of ON callback (generation_id, position);
-- How far `listen` has told what is stored; a new one begins with what comes.
CREATE TABLE IF NOT EXISTS callback_told (one INTEGER PRIMARY KEY CHECK (one = 1), position INTEGER NOT NULL) STRICT;
INSERT INTO callback_told (one, position) SELECT 1, coalesce(max(position), 0) FROM callback WHERE true
  ON CONFLICT DO NOTHING;
"""
"""Events as `listen` stores them: in a file beside a journal in a file, in the database of one on a server."""

MIGRATIONS: Final[dict[int, tuple[str, ...]]] = {
    1: (
        "CREATE TABLE listed_video (target_id INTEGER NOT NULL REFERENCES target, generation_id TEXT NOT NULL,"
        " whose TEXT NOT NULL, marks TEXT, at TEXT NOT NULL, PRIMARY KEY (target_id, generation_id)) STRICT,"
        " WITHOUT ROWID",
        # Ids are compared in one spelling.
        "UPDATE OR IGNORE claim SET generation_id = substr(generation_id, 1, 8) || '-' || substr(generation_id, 9, 4)"
        " || '-' || substr(generation_id, 13, 4) || '-' || substr(generation_id, 17, 4) || '-' ||"
        " substr(generation_id, 21) WHERE length(generation_id) = 32 AND generation_id NOT LIKE '%-%'",
        "ALTER TABLE run ADD COLUMN media_folder TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE run ADD COLUMN profile TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE run ADD COLUMN key_id TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE run ADD COLUMN first_rows INTEGER",
        "ALTER TABLE run ADD COLUMN continues TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE run ADD COLUMN reading_rules INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE run ADD COLUMN reused INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE run ADD COLUMN shared INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE target ADD COLUMN braked_at TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE target ADD COLUMN failures_from TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE target ADD COLUMN respellings TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE row ADD COLUMN shares INTEGER",
        "CREATE INDEX claim_ended ON claim (target_id, ended_at) WHERE ended_at IS NOT NULL",
        "CREATE INDEX chunk_sent ON chunk (sending_at) WHERE sending_at IS NOT NULL",
        "CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
        "CREATE TABLE applied_plan (plan_id TEXT PRIMARY KEY, run_id TEXT NOT NULL, at TEXT NOT NULL) STRICT",
        "ALTER TABLE claim ADD COLUMN forgotten INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE claim ADD COLUMN missing_from TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE claim ADD COLUMN missing_looks INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE claim ADD COLUMN asked_at TEXT NOT NULL DEFAULT ''",
        "CREATE TABLE event (event_id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, kind TEXT NOT NULL,"
        " run_no INTEGER, claim_id INTEGER, detail TEXT NOT NULL DEFAULT '') STRICT",
        "CREATE INDEX event_claim ON event (claim_id)",
        "CREATE TABLE forgotten (name TEXT NOT NULL, digest BLOB NOT NULL, at TEXT NOT NULL,"
        " PRIMARY KEY (name, digest)) STRICT, WITHOUT ROWID",
        "CREATE TABLE artifact (path TEXT PRIMARY KEY, kind TEXT NOT NULL, run_no INTEGER NOT NULL)"
        " STRICT, WITHOUT ROWID",
        "CREATE INDEX claim_guard ON claim (claim_id, status, binding, url, share_url, thumbnail, gif,"
        " whatsapp_video_url)",
        "CREATE INDEX run_guard ON run (run_no, run_id, output_path, columns, spec, options)",
        "ALTER TABLE chunk ADD COLUMN sender TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE chunk ADD COLUMN clock_offset_s REAL",
        "ALTER TABLE chunk ADD COLUMN lost_at TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE chunk ADD COLUMN list_shows_unfinished INTEGER NOT NULL DEFAULT 0",
    ),
}
"""From version N to N + 1, statement by statement. Columns are added at the end, as in TABLES."""
