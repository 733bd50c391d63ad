"""The schema of a new ledger, statement by statement. Written by tools/write_schema.py: change migrations.py instead.

It is the end of all steps of migrations.py. A new ledger takes it at once, since the steps also make, fill and drop
tables that later steps replace, which takes seven times as long. migrations.py describes the tables.
"""

TITLES = (  # of the steps, by version
    "the ledger",
    "readings of limits",
    "the recorder",
    "what work weighs, and forecasts",
    "context windows",
    "paired browsers",
    "refusals of a session, and its accounts",
    "forecasts of windows that nobody watched",
    "evidence for limits: sessions, the age of news, refusals, plans",
    "forecasts take less room, and old ones can be merged",
    "values of limits without their words",
    "projects and pull requests resolved from everything known, and the certainty of counts",
    "when the requests of answers after a refusal began",
    "ways that messages were asked for",
    "use on credits after a limit",
    "ways as copies name them, beside ways in full",
)

SCHEMA = (
    """CREATE TABLE migration (version INTEGER PRIMARY KEY, title TEXT NOT NULL, at INTEGER NOT NULL)""",
    """CREATE TABLE name (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)""",
    """INSERT INTO name VALUES (0, '')""",
    """CREATE TABLE session ( id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, first_at INTEGER, last_at INTEGER,
    custom_title TEXT NOT NULL DEFAULT '', custom_stamp TEXT NOT NULL DEFAULT '', custom_offset INTEGER NOT NULL
    DEFAULT 0, ai_title TEXT NOT NULL DEFAULT '', ai_stamp TEXT NOT NULL DEFAULT '', ai_offset INTEGER NOT NULL
    DEFAULT 0, prompt TEXT NOT NULL DEFAULT '', prompt_at INTEGER, leaf TEXT NOT NULL DEFAULT '', leaf_at INTEGER
    NOT NULL DEFAULT 0 , begun_in INTEGER NOT NULL DEFAULT 0)""",
    """INSERT INTO session VALUES (0, '', NULL, NULL, '', '', 0, '', '', 0, '', NULL, '', 0, 0)""",
    """CREATE TABLE summary (leaf TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE account ( id INTEGER PRIMARY KEY, uuid TEXT NOT NULL, organization TEXT NOT NULL, label TEXT NOT NULL
    DEFAULT '', plan TEXT NOT NULL DEFAULT '', given TEXT NOT NULL DEFAULT '', hidden_at INTEGER, UNIQUE (uuid,
    organization) )""",
    """INSERT INTO account VALUES (0, '', '', '', '', '', NULL)""",
    """CREATE TABLE login ( id INTEGER PRIMARY KEY, folder INTEGER NOT NULL, account INTEGER NOT NULL, first_seen INTEGER
    NOT NULL, last_seen INTEGER NOT NULL )""",
    """CREATE TABLE pull ( id INTEGER PRIMARY KEY, url TEXT NOT NULL UNIQUE, number INTEGER NOT NULL DEFAULT 0, repository
    TEXT NOT NULL DEFAULT '' )""",
    """INSERT INTO pull VALUES (0, '', 0, '')""",
    """CREATE TABLE link ( session INTEGER NOT NULL, pull INTEGER NOT NULL, at INTEGER, branch INTEGER NOT NULL, cwd
    INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (session, pull) ) WITHOUT ROWID""",
    """CREATE TABLE origin ( id INTEGER PRIMARY KEY, model INTEGER NOT NULL, speed INTEGER NOT NULL, geo INTEGER NOT NULL,
    stop INTEGER NOT NULL, branch INTEGER NOT NULL, cwd INTEGER NOT NULL, agent INTEGER NOT NULL, owner INTEGER NOT
    NULL, folder INTEGER NOT NULL, UNIQUE (model, speed, geo, stop, branch, cwd, agent, owner, folder) )""",
    """CREATE TABLE hour ( hour INTEGER NOT NULL, model INTEGER NOT NULL, tariff INTEGER NOT NULL, messages INTEGER NOT
    NULL, input INTEGER NOT NULL, output INTEGER NOT NULL, cache_write_5m INTEGER NOT NULL, cache_write_1h INTEGER
    NOT NULL, cache_read INTEGER NOT NULL, web_searches INTEGER NOT NULL, logged_messages INTEGER NOT NULL,
    logged_cost INTEGER NOT NULL, unfinished INTEGER NOT NULL DEFAULT 0, missing_output INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (hour, model, tariff) ) WITHOUT ROWID""",
    """CREATE TABLE file ( id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE, folder INTEGER NOT NULL, device INTEGER NOT
    NULL, inode INTEGER NOT NULL, size INTEGER NOT NULL, mtime INTEGER NOT NULL, ctime INTEGER NOT NULL, offset
    INTEGER NOT NULL, head INTEGER NOT NULL, tail INTEGER NOT NULL, branch TEXT NOT NULL, stamp TEXT NOT NULL, looks
    INTEGER NOT NULL, error TEXT NOT NULL DEFAULT '', gone INTEGER NOT NULL DEFAULT 0 , cwd TEXT NOT NULL DEFAULT
    '')""",
    """CREATE INDEX file_inode ON file (inode)""",
    """CREATE TABLE directory (path BLOB PRIMARY KEY, changed INTEGER NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE problem ( file INTEGER NOT NULL, kind TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (file, kind) )
    WITHOUT ROWID""",
    """CREATE TABLE reading ( id INTEGER PRIMARY KEY, account INTEGER NOT NULL, source TEXT NOT NULL, folder INTEGER NOT
    NULL, observed_at INTEGER NOT NULL, last_at INTEGER NOT NULL, times INTEGER NOT NULL, outcome TEXT NOT NULL,
    plan TEXT NOT NULL, extra TEXT, breakdown TEXT, problems TEXT , confirmed_at INTEGER NOT NULL DEFAULT 0, session
    INTEGER NOT NULL DEFAULT 0, api_ms INTEGER, model INTEGER NOT NULL DEFAULT 0, mark INTEGER, banked TEXT)""",
    """CREATE INDEX reading_newest ON reading (account, source, last_at)""",
    """CREATE TABLE window ( id INTEGER PRIMARY KEY, account INTEGER NOT NULL, key TEXT NOT NULL, label TEXT NOT NULL, part
    TEXT NOT NULL, scope TEXT, resets_at INTEGER, percent REAL, at INTEGER NOT NULL, source TEXT NOT NULL, severity
    TEXT, peak REAL, first_at INTEGER NOT NULL, wall_at INTEGER , steady REAL, detail TEXT)""",
    """CREATE INDEX window_key ON window (account, key, resets_at)""",
    """CREATE TABLE glance ( folder INTEGER PRIMARY KEY, signature TEXT NOT NULL )""",
    """CREATE TABLE choice (name TEXT PRIMARY KEY, value TEXT NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE poll ( folder INTEGER PRIMARY KEY, account INTEGER NOT NULL DEFAULT 0, asked_at INTEGER NOT NULL
    DEFAULT 0, next_at INTEGER NOT NULL DEFAULT 0, wait_ms INTEGER NOT NULL DEFAULT 0, barred_until INTEGER NOT NULL
    DEFAULT 0, strikes INTEGER NOT NULL DEFAULT 0, outcome TEXT NOT NULL DEFAULT '', problem TEXT NOT NULL DEFAULT
    '', answered_at INTEGER NOT NULL DEFAULT 0, moved_at INTEGER NOT NULL DEFAULT 0, levels TEXT NOT NULL DEFAULT
    '', login TEXT NOT NULL DEFAULT '', profile_at INTEGER NOT NULL DEFAULT 0, claimed_at INTEGER NOT NULL DEFAULT 0
    , refusals INTEGER NOT NULL DEFAULT 0, accounts TEXT NOT NULL DEFAULT '')""",
    """CREATE TABLE alarm ( id INTEGER PRIMARY KEY, account INTEGER NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL,
    threshold REAL NOT NULL, cycle INTEGER NOT NULL, at INTEGER NOT NULL, percent REAL, text TEXT NOT NULL, shown
    INTEGER NOT NULL DEFAULT 0, dismissed_at INTEGER, UNIQUE (account, kind, key, threshold, cycle) )""",
    """CREATE TABLE learned ( account INTEGER PRIMARY KEY, version INTEGER NOT NULL, until INTEGER NOT NULL, messages
    INTEGER NOT NULL, state TEXT NOT NULL )""",
    """CREATE TABLE context (session TEXT PRIMARY KEY, size INTEGER NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE offer ( key BLOB NOT NULL, made_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, tries INTEGER NOT
    NULL DEFAULT 0 )""",
    """CREATE TABLE pairing ( id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, digest BLOB NOT NULL, origin TEXT NOT
    NULL, browser TEXT NOT NULL, paired_at INTEGER NOT NULL, seen_at INTEGER NOT NULL DEFAULT 0, revoked_at INTEGER
    )""",
    """CREATE TABLE sighting ( pairing INTEGER NOT NULL, account INTEGER NOT NULL, first_at INTEGER NOT NULL, last_at
    INTEGER NOT NULL, gone_at INTEGER, PRIMARY KEY (pairing, account) ) WITHOUT ROWID""",
    """CREATE TABLE billing ( account INTEGER PRIMARY KEY, at INTEGER NOT NULL, status TEXT NOT NULL, renews_on TEXT NOT
    NULL, every TEXT NOT NULL, credits TEXT, granted TEXT )""",
    """CREATE INDEX reading_session ON reading (session, folder, last_at) WHERE source = 'statusline'""",
    """CREATE TABLE refusal ( id INTEGER PRIMARY KEY, account INTEGER NOT NULL, folder INTEGER NOT NULL, session INTEGER
    NOT NULL, key TEXT NOT NULL, label TEXT NOT NULL, scope TEXT NOT NULL, at INTEGER NOT NULL, resets_at INTEGER,
    UNIQUE (account, key, at, session) )""",
    """CREATE INDEX refusal_folder ON refusal (folder, at)""",
    """CREATE TABLE plan_change (account INTEGER NOT NULL, at INTEGER NOT NULL, plan TEXT NOT NULL, PRIMARY KEY (account,
    at)) WITHOUT ROWID""",
    """CREATE TABLE forecast ( account INTEGER NOT NULL, key TEXT NOT NULL, cycle INTEGER NOT NULL, at INTEGER NOT NULL,
    percent REAL NOT NULL, chance REAL NOT NULL, prior REAL NOT NULL, p10 REAL, p50 REAL, p90 REAL, version INTEGER
    NOT NULL, hit INTEGER, scored_at INTEGER, PRIMARY KEY (account, at, key, cycle) ) WITHOUT ROWID""",
    """CREATE INDEX forecast_open ON forecast (cycle) WHERE scored_at IS NULL""",
    """CREATE TABLE score ( account INTEGER NOT NULL, key TEXT NOT NULL, day INTEGER NOT NULL, tenth INTEGER NOT NULL,
    forecasts INTEGER NOT NULL, chances REAL NOT NULL, hits INTEGER NOT NULL, squares REAL NOT NULL, first_at
    INTEGER NOT NULL, PRIMARY KEY (account, key, day, tenth) ) WITHOUT ROWID""",
    """CREATE TABLE limit_text ( id INTEGER PRIMARY KEY, key TEXT NOT NULL, label TEXT NOT NULL, part TEXT NOT NULL, scope
    TEXT NOT NULL, severity TEXT NOT NULL, is_grant INTEGER NOT NULL, UNIQUE (key, label, part, scope, severity,
    is_grant) )""",
    """CREATE TABLE level_value ( reading INTEGER NOT NULL, place INTEGER NOT NULL, text INTEGER NOT NULL, percent REAL,
    resets_at INTEGER, used TEXT, cap TEXT, detail TEXT, PRIMARY KEY (reading, place) ) WITHOUT ROWID""",
    """CREATE VIEW level AS SELECT reading, place, key, label, part, percent, resets_at, nullif(severity, '') AS severity,
    nullif(scope, '') AS scope, is_grant, used, cap, detail FROM level_value JOIN limit_text ON limit_text.id =
    level_value.text""",
    """CREATE TRIGGER level_insert INSTEAD OF INSERT ON level BEGIN INSERT OR IGNORE INTO limit_text (key, label, part,
    scope, severity, is_grant) VALUES (NEW.key, NEW.label, NEW.part, coalesce(NEW.scope, ''), coalesce(NEW.severity,
    ''), NEW.is_grant); INSERT INTO level_value SELECT NEW.reading, NEW.place, id, NEW.percent, NEW.resets_at,
    NEW.used, NEW.cap, NEW.detail FROM limit_text WHERE key = NEW.key AND label = NEW.label AND part = NEW.part AND
    scope = coalesce(NEW.scope, '') AND severity = coalesce(NEW.severity, '') AND is_grant = NEW.is_grant; END""",
    """CREATE TABLE answer ( id INTEGER PRIMARY KEY, identity INTEGER NOT NULL UNIQUE, at INTEGER, input INTEGER NOT NULL,
    output INTEGER NOT NULL, cache_write_5m INTEGER NOT NULL, cache_write_1h INTEGER NOT NULL, cache_read INTEGER
    NOT NULL, web_searches INTEGER NOT NULL, logged_cost INTEGER, chosen_at INTEGER, origin INTEGER NOT NULL,
    request TEXT NOT NULL, session INTEGER NOT NULL, flags INTEGER NOT NULL, shared INTEGER NOT NULL, account
    INTEGER NOT NULL, pull INTEGER NOT NULL, billed INTEGER NOT NULL, last_at INTEGER, stop_at INTEGER, mark INTEGER
    NOT NULL, blocks BLOB, several_folders INTEGER NOT NULL, presumed INTEGER NOT NULL, by_branch INTEGER NOT NULL,
    unfinished INTEGER NOT NULL, missing_output INTEGER NOT NULL , way INTEGER NOT NULL DEFAULT 0, own_way INTEGER
    NOT NULL DEFAULT 0)""",
    """CREATE INDEX answer_session ON answer (session, at)""",
    """CREATE INDEX answer_at ON answer (at)""",
    """CREATE TABLE copy ( message INTEGER NOT NULL, session INTEGER NOT NULL, flags INTEGER NOT NULL, PRIMARY KEY
    (message, session) ) WITHOUT ROWID""",
    """CREATE INDEX copy_session ON copy (session)""",
    """CREATE TABLE answer_folder (message INTEGER NOT NULL, folder INTEGER NOT NULL, PRIMARY KEY (message, folder))
    WITHOUT ROWID""",
    """CREATE TABLE shared_id (identity INTEGER PRIMARY KEY)""",
    """CREATE TABLE fragment ( identity INTEGER NOT NULL, session TEXT NOT NULL, at INTEGER NOT NULL, mark INTEGER NOT
    NULL, body TEXT NOT NULL, answer INTEGER, PRIMARY KEY (identity, session, at, mark) ) WITHOUT ROWID""",
    """CREATE INDEX fragment_at ON fragment (identity, at)""",
    """CREATE TABLE place (cwd INTEGER PRIMARY KEY, project INTEGER NOT NULL)""",
    """INSERT INTO place VALUES (0, 0)""",
    """CREATE TABLE clearing (session INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (session, at)) WITHOUT ROWID""",
    """CREATE TABLE cost_state ( session INTEGER PRIMARY KEY, stamp TEXT NOT NULL, cost INTEGER NOT NULL, models TEXT NOT
    NULL )""",
    """CREATE TABLE old_message ( identity INTEGER PRIMARY KEY, at INTEGER, counts TEXT NOT NULL, logged_cost INTEGER,
    chosen_at INTEGER, origin INTEGER NOT NULL, request TEXT NOT NULL, sessions TEXT NOT NULL )""",
    """CREATE TABLE rereading (state TEXT PRIMARY KEY) WITHOUT ROWID""",
    """CREATE TABLE request_time (identity INTEGER PRIMARY KEY, at INTEGER NOT NULL)""",
    """CREATE TABLE way ( id INTEGER PRIMARY KEY, agent_type INTEGER NOT NULL, skill INTEGER NOT NULL, plugin INTEGER NOT
    NULL, server INTEGER NOT NULL, effort INTEGER NOT NULL, entrypoint INTEGER NOT NULL, UNIQUE (agent_type, skill,
    plugin, server, effort, entrypoint) )""",
    """INSERT INTO way VALUES (0, 0, 0, 0, 0, 0, 0)""",
    """CREATE TABLE spawn ( session INTEGER NOT NULL, prompt INTEGER NOT NULL, agent_type TEXT NOT NULL, PRIMARY KEY
    (session, prompt) ) WITHOUT ROWID""",
    """CREATE TABLE subagent ( session INTEGER NOT NULL, agent TEXT NOT NULL, prompt INTEGER NOT NULL, PRIMARY KEY
    (session, agent) ) WITHOUT ROWID""",
    """CREATE VIEW message AS SELECT answer.*, model, speed, geo, stop, branch, origin.cwd AS cwd, agent, owner, folder,
    coalesce(place.project, origin.cwd) AS project FROM answer LEFT JOIN origin ON origin.id = answer.origin LEFT
    JOIN place ON place.cwd = origin.cwd""",
    """CREATE TABLE rollup ( bucket INTEGER NOT NULL, session INTEGER NOT NULL, model INTEGER NOT NULL, tariff INTEGER NOT
    NULL, place INTEGER NOT NULL, branch INTEGER NOT NULL, account INTEGER NOT NULL, pull INTEGER NOT NULL,
    by_branch INTEGER NOT NULL, way INTEGER NOT NULL, side INTEGER NOT NULL, messages INTEGER NOT NULL, input
    INTEGER NOT NULL, output INTEGER NOT NULL, cache_write_5m INTEGER NOT NULL, cache_write_1h INTEGER NOT NULL,
    cache_read INTEGER NOT NULL, web_searches INTEGER NOT NULL, logged_messages INTEGER NOT NULL, logged_cost
    INTEGER NOT NULL, unfinished INTEGER NOT NULL, missing_output INTEGER NOT NULL, PRIMARY KEY (bucket, session,
    model, tariff, place, branch, account, pull, by_branch, way, side) ) WITHOUT ROWID""",
    """CREATE TABLE metered ( folder INTEGER NOT NULL, key TEXT NOT NULL, scope TEXT NOT NULL, at INTEGER NOT NULL,
    resets_at INTEGER, PRIMARY KEY (folder, key, at) ) WITHOUT ROWID""",
)
