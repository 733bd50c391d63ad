"""The schema of the ledger, as the list of steps that made it. Steps are only ever added, never changed.

What each table holds:

    name        every repeated text once: models, branches, folders, agents …; 0 is the unknown
    session     one Claude Code session; `first_at` and `last_at` over every copy of a message that it holds
    pull        a pull request; `link` says which session named it, when, on which branch
    origin      what messages have in common that were made in the same way: model, branch, folder …
    answer      one billed message, merged from its copies, in the order in which it was first seen
    message     the same with its origin: what questions are put to (a view)
    copy        the sessions of a message with copies in several of them (else answer.session says it)
    answer_folder  the config folders of a message with copies in several of them (else its origin says it)
    place       the project of each working directory, resolved from all that is known
    shared_id, fragment  ids that several answers share, and their lines
    clearing    when a session's context was cleared; `cost_state` Claude Code's own sum of a session
    old_message, rereading  only after an update, until all transcripts have been read again
    rollup      what `answer` adds up to in 15 minutes UTC, kept in the same transaction as its rows
    hour        what `rollup` adds up to in an hour, for questions that ask for no more than the model: a third of
                the rows, and most reports need no others
    file        every transcript ever read, with the offset that its rows in `message` come from
    directory   every folder that holds transcripts, as of when we listed it
    problem     what could not be read, by file and kind
    reading     what a source said about an account's limits, every time it said something else
    level       the limits in a reading
    way         combinations of subagent type, skill, plugin, MCP server, effort and entry point, each once
    spawn, subagent  calls that start subagents, and the prompts of subagents: which call started which
    metered     notices that work went on after a limit, drawing on usage credits
    window      each limit from one reset to the next: what holds now, and the most that it reached
    account     who was logged in; `login` says in which config folder, from when to when we saw it
    choice      what a person switched by a command: consent to a source, alarms, the style of a title
    poll        by config folder: when the service was asked last, what came of it, when it may be asked again
    alarm       every notice that was given, once for each window and threshold
    offer       the code of a pairing under way, as a key worked out from it; gone when it was used or is over
    pairing     a browser that was paired: of its token only the SHA-256
    sighting    which accounts a paired browser reported, until when
    billing     what claude.ai alone says of an account: its subscription, and credits that are left
    learned     by account: what its models' work weighs, as of a moment, and how many messages that was learned from
    context     by session: how many tokens it may keep in mind, where Claude Code told its status line
    refusal     every moment at which the service said no because of a limit
    request_time  when the requests of the first answers after an open refusal began, as far as transcripts show it
    plan_change when an account was first seen with which plan
    forecast    every chance of reaching a limit that was worked out, and what became of it

Times are epoch milliseconds UTC, null where unknown. Hashes are signed 64-bit. No cost is stored but `logged_cost`,
nanodollars as old versions of Claude Code wrote them: prices may change, so costs are worked out when they are shown.
"""

STEPS: tuple[tuple[str, str], ...] = (
    (
        "the ledger",
        """
        CREATE TABLE migration (version INTEGER PRIMARY KEY, title TEXT NOT NULL, at INTEGER NOT NULL);

        CREATE TABLE name (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
        INSERT INTO name VALUES (0, '');

        CREATE TABLE session (
            id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE,
            first_at INTEGER, last_at INTEGER,
            custom_title TEXT NOT NULL DEFAULT '', custom_stamp TEXT NOT NULL DEFAULT '',
            custom_offset INTEGER NOT NULL DEFAULT 0,
            ai_title TEXT NOT NULL DEFAULT '', ai_stamp TEXT NOT NULL DEFAULT '', ai_offset INTEGER NOT NULL DEFAULT 0,
            prompt TEXT NOT NULL DEFAULT '', prompt_at INTEGER,
            leaf TEXT NOT NULL DEFAULT '', leaf_at INTEGER NOT NULL DEFAULT 0
        );
        INSERT INTO session (id, uuid) VALUES (0, '');
        CREATE TABLE summary (leaf TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;

        CREATE TABLE account (
            id INTEGER PRIMARY KEY, uuid TEXT NOT NULL, organization TEXT NOT NULL,
            label TEXT NOT NULL DEFAULT '', plan TEXT NOT NULL DEFAULT '', UNIQUE (uuid, organization)
        );
        INSERT INTO account (id, uuid, organization) VALUES (0, '', '');
        CREATE TABLE login (
            id INTEGER PRIMARY KEY, folder INTEGER NOT NULL, account INTEGER NOT NULL,
            first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL
        );

        CREATE TABLE pull (
            id INTEGER PRIMARY KEY, url TEXT NOT NULL UNIQUE,
            number INTEGER NOT NULL DEFAULT 0, repository TEXT NOT NULL DEFAULT ''
        );
        INSERT INTO pull (id, url) VALUES (0, '');
        CREATE TABLE link (
            session INTEGER NOT NULL, pull INTEGER NOT NULL, at INTEGER, branch INTEGER NOT NULL,
            PRIMARY KEY (session, pull)
        ) WITHOUT ROWID;

        CREATE TABLE origin (
            id INTEGER PRIMARY KEY,
            model INTEGER NOT NULL, speed INTEGER NOT NULL, geo INTEGER NOT NULL, stop INTEGER NOT NULL,
            branch INTEGER NOT NULL, cwd INTEGER NOT NULL, agent INTEGER NOT NULL,
            owner INTEGER NOT NULL,         -- account uuid that the record itself names
            folder INTEGER NOT NULL,        -- config folder
            project INTEGER NOT NULL,       -- worked out from cwd
            UNIQUE (model, speed, geo, stop, branch, cwd, agent, owner, folder)
        );
        CREATE TABLE answer (
            id INTEGER PRIMARY KEY,
            identity INTEGER NOT NULL UNIQUE,
            at INTEGER,
            input INTEGER NOT NULL, output INTEGER NOT NULL, cache_write_5m INTEGER NOT NULL,
            cache_write_1h INTEGER NOT NULL, cache_read INTEGER NOT NULL, web_searches INTEGER NOT NULL,
            logged_cost INTEGER,            -- nanodollars, only where Claude Code wrote it
            chosen_at INTEGER,              -- of the copy that says the rest (model/usage/messages.py, Choice)
            origin INTEGER NOT NULL, request TEXT NOT NULL,
            session INTEGER NOT NULL, flags INTEGER NOT NULL,
            shared INTEGER NOT NULL,        -- 1: it stands in several sessions, see `copy`
            account INTEGER NOT NULL, pull INTEGER NOT NULL, billed INTEGER NOT NULL
        );
        CREATE INDEX answer_session ON answer (session, at);
        CREATE INDEX answer_at ON answer (at);
        CREATE VIEW message AS
            SELECT answer.*, model, speed, geo, stop, branch, cwd, agent, owner, folder, project
            FROM answer LEFT JOIN origin ON origin.id = answer.origin;

        CREATE TABLE copy (
            message INTEGER NOT NULL, session INTEGER NOT NULL, flags INTEGER NOT NULL,
            PRIMARY KEY (message, session)
        ) WITHOUT ROWID;
        CREATE INDEX copy_session ON copy (session);

        CREATE TABLE rollup (
            bucket INTEGER NOT NULL,        -- epoch quarter hours; -1000000000 where the time is unknown
            session INTEGER NOT NULL, model INTEGER NOT NULL, tariff INTEGER NOT NULL, -- model/usage/prices.py
            project INTEGER NOT NULL, branch INTEGER NOT NULL, account INTEGER NOT NULL, pull INTEGER NOT NULL,
            messages INTEGER NOT NULL,
            input INTEGER NOT NULL, output INTEGER NOT NULL, cache_write_5m INTEGER NOT NULL,
            cache_write_1h INTEGER NOT NULL, cache_read INTEGER NOT NULL, web_searches INTEGER NOT NULL,
            logged_messages INTEGER NOT NULL, logged_cost INTEGER NOT NULL,
            PRIMARY KEY (bucket, session, model, tariff, project, branch, account, pull)
        ) WITHOUT ROWID;

        CREATE TABLE hour (                 -- the same in whole hours (quarter hours / 4), by model alone
            hour INTEGER NOT NULL, model INTEGER NOT NULL, tariff INTEGER NOT NULL,
            messages INTEGER NOT NULL,
            input INTEGER NOT NULL, output INTEGER NOT NULL, cache_write_5m INTEGER NOT NULL,
            cache_write_1h INTEGER NOT NULL, cache_read INTEGER NOT NULL, web_searches INTEGER NOT NULL,
            logged_messages INTEGER NOT NULL, logged_cost INTEGER NOT NULL,
            PRIMARY KEY (hour, model, tariff)
        ) WITHOUT ROWID;

        CREATE TABLE file (
            id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE, folder INTEGER NOT NULL,
            device INTEGER NOT NULL, inode INTEGER NOT NULL, size INTEGER NOT NULL,
            mtime INTEGER NOT NULL, ctime INTEGER NOT NULL,
            offset INTEGER NOT NULL, head INTEGER NOT NULL, tail INTEGER NOT NULL,
            branch TEXT NOT NULL, stamp TEXT NOT NULL, looks INTEGER NOT NULL,
            error TEXT NOT NULL DEFAULT '', gone INTEGER NOT NULL DEFAULT 0
        );
        CREATE INDEX file_inode ON file (inode);
        CREATE TABLE directory (path BLOB PRIMARY KEY, changed INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE problem (
            file INTEGER NOT NULL, kind TEXT NOT NULL, count INTEGER NOT NULL,
            PRIMARY KEY (file, kind)
        ) WITHOUT ROWID;
        """,
    ),
    (
        "readings of limits",
        """
        CREATE TABLE reading (
            id INTEGER PRIMARY KEY,
            account INTEGER NOT NULL, source TEXT NOT NULL,
            folder INTEGER NOT NULL,        -- config folder that it came by; 0 where there is none
            observed_at INTEGER NOT NULL,   -- when these values were first true
            last_at INTEGER NOT NULL,       -- when they were last confirmed
            times INTEGER NOT NULL,         -- how often they were said
            outcome TEXT NOT NULL, plan TEXT NOT NULL,
            extra TEXT, breakdown TEXT,     -- JSON; null where the source does not say
            problems TEXT                   -- JSON
        );
        CREATE INDEX reading_newest ON reading (account, source, last_at);
        CREATE TABLE level (
            reading INTEGER NOT NULL, place INTEGER NOT NULL,
            key TEXT NOT NULL, label TEXT NOT NULL, part TEXT NOT NULL, percent REAL, resets_at INTEGER,
            severity TEXT, scope TEXT, is_grant INTEGER NOT NULL, used TEXT, cap TEXT,
            PRIMARY KEY (reading, place)
        ) WITHOUT ROWID;
        CREATE TABLE window (
            id INTEGER PRIMARY KEY, account INTEGER NOT NULL, key TEXT NOT NULL, label TEXT NOT NULL,
            part TEXT NOT NULL, scope TEXT,
            resets_at INTEGER,              -- null: the window has not begun
            percent REAL, at INTEGER NOT NULL, source TEXT NOT NULL, -- what holds now, since when, by whom
            severity TEXT,
            peak REAL, first_at INTEGER NOT NULL, wall_at INTEGER -- the most it reached; when it was refused first
        );
        CREATE INDEX window_key ON window (account, key, resets_at);
        CREATE TABLE glance (               -- the identity files of a config folder, as of when they were last read
            folder INTEGER PRIMARY KEY, signature TEXT NOT NULL
        );
        """,
    ),
    (
        "the recorder",
        """
        ALTER TABLE account ADD COLUMN given TEXT NOT NULL DEFAULT ''; -- what a person calls it; goes before `label`
        ALTER TABLE account ADD COLUMN hidden_at INTEGER;              -- forgotten then: neither shown nor asked for
        CREATE TABLE choice (name TEXT PRIMARY KEY, value TEXT NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE poll (                 -- recorder/schedule.py says what the times mean
            folder INTEGER PRIMARY KEY, account INTEGER NOT NULL DEFAULT 0,
            asked_at INTEGER NOT NULL DEFAULT 0, next_at INTEGER NOT NULL DEFAULT 0,
            wait_ms INTEGER NOT NULL DEFAULT 0, barred_until INTEGER NOT NULL DEFAULT 0,
            strikes INTEGER NOT NULL DEFAULT 0, outcome TEXT NOT NULL DEFAULT '', problem TEXT NOT NULL DEFAULT '',
            answered_at INTEGER NOT NULL DEFAULT 0, moved_at INTEGER NOT NULL DEFAULT 0,
            levels TEXT NOT NULL DEFAULT '', login TEXT NOT NULL DEFAULT '',
            profile_at INTEGER NOT NULL DEFAULT 0, claimed_at INTEGER NOT NULL DEFAULT 0
        );
        CREATE TABLE alarm (
            id INTEGER PRIMARY KEY, account INTEGER NOT NULL,
            kind TEXT NOT NULL, key TEXT NOT NULL, threshold REAL NOT NULL,
            cycle INTEGER NOT NULL,         -- the window that it was raised for: its reset, rounded; 0 where unknown
            at INTEGER NOT NULL, percent REAL, text TEXT NOT NULL, shown INTEGER NOT NULL DEFAULT 0,
            dismissed_at INTEGER,
            UNIQUE (account, kind, key, threshold, cycle)
        );
        """,
    ),
    (
        "what work weighs, and forecasts",
        """
        CREATE TABLE learned (
            account INTEGER PRIMARY KEY, version INTEGER NOT NULL,
            until INTEGER NOT NULL,         -- every window that was over then is in it
            messages INTEGER NOT NULL,      -- of the account, in the weeks before: if their number changes, learn again
            state TEXT NOT NULL             -- JSON (model/estimates/weights.py)
        );
        CREATE TABLE forecast (
            id INTEGER PRIMARY KEY, account INTEGER NOT NULL, key TEXT NOT NULL,
            cycle INTEGER NOT NULL,         -- the reset that it speaks of
            at INTEGER NOT NULL, percent REAL NOT NULL, chance REAL NOT NULL,
            prior REAL NOT NULL,            -- the chance before the account's own past was looked at
            p10 REAL, p50 REAL, p90 REAL,   -- minutes to the wall, if it comes; null where nothing is said
            version INTEGER NOT NULL,
            hit INTEGER, scored_at INTEGER, -- whether it came; null until the window is over
            UNIQUE (account, key, cycle, at)
        );
        CREATE INDEX forecast_newest ON forecast (account, at);
        CREATE INDEX forecast_open ON forecast (cycle) WHERE hit IS NULL;
        """,
    ),
    (
        "context windows",
        """
        CREATE TABLE context (session TEXT PRIMARY KEY, size INTEGER NOT NULL) WITHOUT ROWID;
        """,
    ),
    (
        "paired browsers",
        """
        CREATE TABLE offer (
            key BLOB NOT NULL, made_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
            tries INTEGER NOT NULL DEFAULT 0
        );
        CREATE TABLE pairing (
            id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, -- how the browser calls it: random, no secret
            digest BLOB NOT NULL,           -- SHA-256 of its token
            origin TEXT NOT NULL, browser TEXT NOT NULL,
            paired_at INTEGER NOT NULL, seen_at INTEGER NOT NULL DEFAULT 0, revoked_at INTEGER
        );
        CREATE TABLE sighting (
            pairing INTEGER NOT NULL, account INTEGER NOT NULL,
            first_at INTEGER NOT NULL, last_at INTEGER NOT NULL,
            gone_at INTEGER,                -- when the browser first reported without it; null while it is there
            PRIMARY KEY (pairing, account)
        ) WITHOUT ROWID;
        CREATE TABLE billing (
            account INTEGER PRIMARY KEY, at INTEGER NOT NULL,
            status TEXT NOT NULL, renews_on TEXT NOT NULL, every TEXT NOT NULL, -- as claude.ai says it; '' where it does not
            credits TEXT, granted TEXT      -- JSON of an amount; null where unknown
        );
        """,
    ),
    (
        "refusals of a session, and its accounts",
        """
        ALTER TABLE poll ADD COLUMN refusals INTEGER NOT NULL DEFAULT 0; -- since the last good answer
        ALTER TABLE poll ADD COLUMN accounts TEXT NOT NULL DEFAULT '';   -- that the last good answer named, by their ids
        """,
    ),
    (
        "forecasts of windows that nobody watched",
        """
        -- what nobody looked at was taken for a limit that was not reached: judge those again
        UPDATE forecast SET hit = NULL, scored_at = NULL WHERE hit = 0;
        DROP INDEX forecast_open;
        CREATE INDEX forecast_open ON forecast (cycle) WHERE scored_at IS NULL;
        """,
    ),
    (
        "evidence for limits: sessions, the age of news, refusals, plans",
        """
        ALTER TABLE reading ADD COLUMN confirmed_at INTEGER NOT NULL DEFAULT 0; -- when the values were last known true
        UPDATE reading SET confirmed_at = CASE source WHEN 'statusline' THEN observed_at ELSE last_at END;
        ALTER TABLE reading ADD COLUMN session INTEGER NOT NULL DEFAULT 0; -- of a status line, as are the next three
        ALTER TABLE reading ADD COLUMN api_ms INTEGER;          -- grows with every answer of the session
        ALTER TABLE reading ADD COLUMN model INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE reading ADD COLUMN mark INTEGER;            -- a checksum of its values
        ALTER TABLE reading ADD COLUMN banked TEXT;             -- JSON
        CREATE INDEX reading_session ON reading (session, folder, last_at) WHERE source = 'statusline';
        ALTER TABLE level ADD COLUMN detail TEXT;               -- JSON: balance, reason, allowance
        ALTER TABLE window ADD COLUMN steady REAL;              -- the percentage for colors and "near"
        ALTER TABLE window ADD COLUMN detail TEXT;              -- JSON: amounts, balance, reason, allowance
        UPDATE window SET steady = percent;
        CREATE TABLE refusal (
            id INTEGER PRIMARY KEY, account INTEGER NOT NULL,
            folder INTEGER NOT NULL, session INTEGER NOT NULL,
            key TEXT NOT NULL, label TEXT NOT NULL,
            scope TEXT NOT NULL,            -- the one model that it concerns; '' for all
            at INTEGER NOT NULL, resets_at INTEGER,
            UNIQUE (account, key, at, session)
        );
        CREATE INDEX refusal_folder ON refusal (folder, at);
        INSERT INTO refusal (account, folder, session, key, label, scope, at, resets_at)
            SELECT account, 0, 0, key, label, coalesce(scope, ''), wall_at, resets_at FROM window
            WHERE wall_at IS NOT NULL;
        DELETE FROM window WHERE percent IS NULL AND source = 'transcript' AND resets_at IS NULL;
        CREATE TABLE plan_change (account INTEGER NOT NULL, at INTEGER NOT NULL, plan TEXT NOT NULL,
            PRIMARY KEY (account, at)) WITHOUT ROWID;
        INSERT INTO plan_change SELECT account.id, min(login.first_seen), account.plan FROM account
            JOIN login ON login.account = account.id WHERE account.plan <> '' GROUP BY account.id;
        """,
    ),
    (
        "forecasts take less room, and old ones can be merged",
        """
        ALTER TABLE forecast RENAME TO forecast_before;
        CREATE TABLE forecast (
            account INTEGER NOT NULL, key TEXT NOT NULL,
            cycle INTEGER NOT NULL,         -- the reset that it speaks of
            at INTEGER NOT NULL, percent REAL NOT NULL, chance REAL NOT NULL,
            prior REAL NOT NULL,            -- the chance before the account's own past was looked at
            p10 REAL, p50 REAL, p90 REAL,   -- whole minutes to the limit, if it comes; null if unknown
            version INTEGER NOT NULL,
            hit INTEGER, scored_at INTEGER, -- whether it came; null until the window is over
            PRIMARY KEY (account, at, key, cycle)
        ) WITHOUT ROWID;
        INSERT INTO forecast SELECT account, key, cycle, at, percent, chance, prior, round(p10), round(p50), round(p90),
            version, hit, scored_at FROM forecast_before;
        DROP TABLE forecast_before;
        CREATE INDEX forecast_open ON forecast (cycle) WHERE scored_at IS NULL;
        CREATE TABLE score (                -- of forecasts that were deleted, by the day on which they were made
            account INTEGER NOT NULL, key TEXT NOT NULL, day INTEGER NOT NULL, tenth INTEGER NOT NULL,
            forecasts INTEGER NOT NULL, chances REAL NOT NULL, hits INTEGER NOT NULL, squares REAL NOT NULL,
            first_at INTEGER NOT NULL,
            PRIMARY KEY (account, key, day, tenth)
        ) WITHOUT ROWID;
        """,
    ),
    (
        "values of limits without their words",
        """
        CREATE TABLE limit_text (
            id INTEGER PRIMARY KEY, key TEXT NOT NULL, label TEXT NOT NULL, part TEXT NOT NULL, scope TEXT NOT NULL,
            severity TEXT NOT NULL, is_grant INTEGER NOT NULL,
            UNIQUE (key, label, part, scope, severity, is_grant)
        );
        INSERT INTO limit_text (key, label, part, scope, severity, is_grant)
            SELECT DISTINCT key, label, part, coalesce(scope, ''), coalesce(severity, ''), is_grant FROM level;
        ALTER TABLE level RENAME TO level_before;
        CREATE TABLE level_value (
            reading INTEGER NOT NULL, place INTEGER NOT NULL, text INTEGER NOT NULL,
            percent REAL, resets_at INTEGER, used TEXT, cap TEXT, detail TEXT,
            PRIMARY KEY (reading, place)
        ) WITHOUT ROWID;
        INSERT INTO level_value SELECT reading, place, limit_text.id, percent, resets_at, used, cap, detail
            FROM level_before JOIN limit_text ON limit_text.key = level_before.key
            AND limit_text.label = level_before.label AND limit_text.part = level_before.part
            AND limit_text.scope = coalesce(level_before.scope, '')
            AND limit_text.severity = coalesce(level_before.severity, '')
            AND limit_text.is_grant = level_before.is_grant;
        DROP TABLE level_before;
        CREATE VIEW level AS SELECT reading, place, key, label, part, percent, resets_at, nullif(severity, '') AS severity,
            nullif(scope, '') AS scope, is_grant, used, cap, detail
            FROM level_value JOIN limit_text ON limit_text.id = level_value.text;
        CREATE TRIGGER level_insert INSTEAD OF INSERT ON level BEGIN
            INSERT OR IGNORE INTO limit_text (key, label, part, scope, severity, is_grant) VALUES (NEW.key, NEW.label,
                NEW.part, coalesce(NEW.scope, ''), coalesce(NEW.severity, ''), NEW.is_grant);
            INSERT INTO level_value SELECT NEW.reading, NEW.place, id, NEW.percent, NEW.resets_at, NEW.used, NEW.cap,
                NEW.detail FROM limit_text WHERE key = NEW.key AND label = NEW.label AND part = NEW.part
                AND scope = coalesce(NEW.scope, '') AND severity = coalesce(NEW.severity, '')
                AND is_grant = NEW.is_grant;
        END;
        """,
    ),
    (
        "projects and pull requests resolved from everything known, and the certainty of counts",
        """
        -- messages so far stay visible; the next pass reads all transcripts again and keeps what is in none of them
        DROP VIEW message;
        DROP INDEX answer_session;
        DROP INDEX answer_at;
        ALTER TABLE answer RENAME TO old_answer;
        ALTER TABLE copy RENAME TO old_copy;
        DROP INDEX copy_session;

        CREATE TABLE answer (
            id INTEGER PRIMARY KEY,
            identity INTEGER NOT NULL UNIQUE,
            at INTEGER,
            input INTEGER NOT NULL, output INTEGER NOT NULL, cache_write_5m INTEGER NOT NULL,
            cache_write_1h INTEGER NOT NULL, cache_read INTEGER NOT NULL, web_searches INTEGER NOT NULL,
            logged_cost INTEGER,            -- nanodollars, only where Claude Code wrote it
            chosen_at INTEGER,              -- of the copy that says the rest (model/usage/messages.py, Choice)
            origin INTEGER NOT NULL, request TEXT NOT NULL,
            session INTEGER NOT NULL, flags INTEGER NOT NULL,
            shared INTEGER NOT NULL,        -- 1: copies in several sessions, see `copy`
            account INTEGER NOT NULL, pull INTEGER NOT NULL, billed INTEGER NOT NULL,
            last_at INTEGER,                -- of the latest line
            stop_at INTEGER,                -- of the earliest line with a stop reason; null: no copy has one
            mark INTEGER NOT NULL,          -- fingerprint of the uuid of the earliest line; 0 unknown
            blocks BLOB,                    -- visible content of an answer without a stop reason (model/usage/content.py)
            several_folders INTEGER NOT NULL, -- 1: copies in several config folders, see `answer_folder`
            presumed INTEGER NOT NULL,      -- 1: of before the first login that was seen in its folder
            by_branch INTEGER NOT NULL,     -- 1: it belongs to its pull request by branch alone
            unfinished INTEGER NOT NULL,    -- 1: its output is a streaming placeholder
            missing_output INTEGER NOT NULL -- tokens that an unfinished one lacks at least
        );
        CREATE INDEX answer_session ON answer (session, at);
        CREATE INDEX answer_at ON answer (at);
        CREATE TABLE copy (
            message INTEGER NOT NULL, session INTEGER NOT NULL, flags INTEGER NOT NULL,
            PRIMARY KEY (message, session)
        ) WITHOUT ROWID;
        CREATE INDEX copy_session ON copy (session);
        CREATE TABLE answer_folder (message INTEGER NOT NULL, folder INTEGER NOT NULL, PRIMARY KEY (message, folder))
            WITHOUT ROWID;
        CREATE TABLE shared_id (identity INTEGER PRIMARY KEY); -- fingerprints of ids that several answers share
        CREATE TABLE fragment (             -- lines of shared ids, of which answers are grouped
            identity INTEGER NOT NULL, session TEXT NOT NULL, at INTEGER NOT NULL, mark INTEGER NOT NULL,
            body TEXT NOT NULL,             -- JSON of a message (model/usage/messages.py)
            answer INTEGER,                 -- identity of the answer that it is grouped into
            PRIMARY KEY (identity, session, at, mark)
        ) WITHOUT ROWID;
        CREATE INDEX fragment_at ON fragment (identity, at);

        INSERT INTO answer
            SELECT id, identity, at, input, output, cache_write_5m, cache_write_1h, cache_read, web_searches, logged_cost,
                chosen_at, origin, request, session, flags, shared, account, pull, billed,
                at, CASE WHEN (SELECT stop FROM origin WHERE origin.id = origin) <> 0 THEN at END, 0, NULL, 0, 0, 0, 0, 0
            FROM old_answer;
        INSERT INTO copy SELECT * FROM old_copy;
        DROP TABLE old_answer;
        DROP TABLE old_copy;

        CREATE TABLE place (cwd INTEGER PRIMARY KEY, project INTEGER NOT NULL); -- a folder's project: derived, by all that is known
        INSERT INTO place VALUES (0, 0);
        INSERT OR IGNORE INTO place SELECT cwd, project FROM origin;
        ALTER TABLE origin DROP COLUMN project;
        CREATE VIEW message AS
            SELECT answer.*, model, speed, geo, stop, branch, origin.cwd AS cwd, agent, owner, folder,
                coalesce(place.project, origin.cwd) AS project
            FROM answer LEFT JOIN origin ON origin.id = answer.origin LEFT JOIN place ON place.cwd = origin.cwd;

        DROP TABLE rollup;
        CREATE TABLE rollup (
            bucket INTEGER NOT NULL,        -- epoch quarter hours; -1000000000 where the time is unknown
            session INTEGER NOT NULL, model INTEGER NOT NULL, tariff INTEGER NOT NULL, -- model/usage/prices.py
            place INTEGER NOT NULL,         -- the working directory; `place` has its project
            branch INTEGER NOT NULL, account INTEGER NOT NULL, pull INTEGER NOT NULL, by_branch INTEGER NOT NULL,
            messages INTEGER NOT NULL,
            input INTEGER NOT NULL, output INTEGER NOT NULL, cache_write_5m INTEGER NOT NULL,
            cache_write_1h INTEGER NOT NULL, cache_read INTEGER NOT NULL, web_searches INTEGER NOT NULL,
            logged_messages INTEGER NOT NULL, logged_cost INTEGER NOT NULL,
            unfinished INTEGER NOT NULL, missing_output INTEGER NOT NULL,
            PRIMARY KEY (bucket, session, model, tariff, place, branch, account, pull, by_branch)
        ) WITHOUT ROWID;
        INSERT INTO rollup
            SELECT coalesce((at - ((at % 900000) + 900000) % 900000) / 900000, -1000000000), session, model,
                (speed IN (SELECT id FROM name WHERE text = 'fast')) | ((geo IN (SELECT id FROM name WHERE text = 'us')) << 1)
                    | (((input + cache_write_5m + cache_write_1h + cache_read > 100000)
                        + (input + cache_write_5m + cache_write_1h + cache_read > 200000)) << 2),
                cwd, branch, account, pull, by_branch, count(*), sum(input), sum(output), sum(cache_write_5m),
                sum(cache_write_1h), sum(cache_read), sum(web_searches), count(logged_cost), coalesce(sum(logged_cost), 0),
                0, 0
            FROM message WHERE billed GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9;
        ALTER TABLE hour ADD COLUMN unfinished INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE hour ADD COLUMN missing_output INTEGER NOT NULL DEFAULT 0;

        ALTER TABLE session ADD COLUMN begun_in INTEGER NOT NULL DEFAULT 0; -- folder where it began inside a repository
        ALTER TABLE link ADD COLUMN cwd INTEGER NOT NULL DEFAULT 0; -- folder of the record before it
        CREATE TABLE clearing (session INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (session, at)) WITHOUT ROWID;
        CREATE TABLE cost_state (           -- Claude Code's own sum of a session: a witness, never added
            session INTEGER PRIMARY KEY, stamp TEXT NOT NULL,
            cost INTEGER NOT NULL,          -- nanodollars
            models TEXT NOT NULL            -- JSON: {model: [input, output, cache read, cache write, web searches, nanodollars]}
        );
        ALTER TABLE file ADD COLUMN cwd TEXT NOT NULL DEFAULT '';
        UPDATE file SET size = -1, offset = 0;

        CREATE TABLE old_message (          -- as counted by earlier versions, until all transcripts have been read again
            identity INTEGER PRIMARY KEY, at INTEGER, counts TEXT NOT NULL, logged_cost INTEGER, chosen_at INTEGER,
            origin INTEGER NOT NULL, request TEXT NOT NULL, sessions TEXT NOT NULL
        );
        CREATE TABLE rereading (state TEXT PRIMARY KEY) WITHOUT ROWID; -- 'due': transcripts have to be read again; 'begun'
        INSERT INTO rereading SELECT 'due' WHERE EXISTS (SELECT 1 FROM answer);
        """,
    ),
    (
        "when the requests of answers after a refusal began",
        """
        CREATE TABLE request_time (identity INTEGER PRIMARY KEY, at INTEGER NOT NULL); -- of `answer`
        """,
    ),
    (
        "ways that messages were asked for",
        """
        CREATE TABLE way (
            id INTEGER PRIMARY KEY,         -- 0: nothing is known; all columns are ids of `name`
            agent_type INTEGER NOT NULL,    -- of a subagent
            skill INTEGER NOT NULL, plugin INTEGER NOT NULL,
            server INTEGER NOT NULL,        -- MCP server
            effort INTEGER NOT NULL, entrypoint INTEGER NOT NULL,
            UNIQUE (agent_type, skill, plugin, server, effort, entrypoint)
        );
        INSERT INTO way VALUES (0, 0, 0, 0, 0, 0, 0);
        CREATE TABLE spawn (                -- calls that start a subagent, by a fingerprint of the prompt
            session INTEGER NOT NULL, prompt INTEGER NOT NULL, agent_type TEXT NOT NULL,
            PRIMARY KEY (session, prompt)
        ) WITHOUT ROWID;
        CREATE TABLE subagent (             -- the prompt with which a subagent began
            session INTEGER NOT NULL, agent TEXT NOT NULL, prompt INTEGER NOT NULL,
            PRIMARY KEY (session, agent)
        ) WITHOUT ROWID;
        DROP VIEW message;
        ALTER TABLE answer ADD COLUMN way INTEGER NOT NULL DEFAULT 0;
        CREATE VIEW message AS
            SELECT answer.*, model, speed, geo, stop, branch, origin.cwd AS cwd, agent, owner, folder,
                coalesce(place.project, origin.cwd) AS project
            FROM answer LEFT JOIN origin ON origin.id = answer.origin LEFT JOIN place ON place.cwd = origin.cwd;
        DROP TABLE rollup;
        CREATE TABLE rollup (
            bucket INTEGER NOT NULL,        -- epoch quarter hours; -1000000000 where the time is unknown
            session INTEGER NOT NULL, model INTEGER NOT NULL, tariff INTEGER NOT NULL, -- model/usage/prices.py
            place INTEGER NOT NULL,         -- the working directory; `place` has its project
            branch INTEGER NOT NULL, account INTEGER NOT NULL, pull INTEGER NOT NULL, by_branch INTEGER NOT NULL,
            way INTEGER NOT NULL,
            side INTEGER NOT NULL,          -- 1: asked by a subagent
            messages INTEGER NOT NULL,
            input INTEGER NOT NULL, output INTEGER NOT NULL, cache_write_5m INTEGER NOT NULL,
            cache_write_1h INTEGER NOT NULL, cache_read INTEGER NOT NULL, web_searches INTEGER NOT NULL,
            logged_messages INTEGER NOT NULL, logged_cost INTEGER NOT NULL,
            unfinished INTEGER NOT NULL, missing_output INTEGER NOT NULL,
            PRIMARY KEY (bucket, session, model, tariff, place, branch, account, pull, by_branch, way, side)
        ) WITHOUT ROWID;
        INSERT INTO rollup
            SELECT coalesce((at - ((at % 900000) + 900000) % 900000) / 900000, -1000000000), session, model,
                (speed IN (SELECT id FROM name WHERE text = 'fast')) | ((geo IN (SELECT id FROM name WHERE text = 'us')) << 1)
                    | (((input + cache_write_5m + cache_write_1h + cache_read > 100000)
                        + (input + cache_write_5m + cache_write_1h + cache_read > 200000)) << 2),
                cwd, branch, account, pull, by_branch, way, flags & 2 <> 0, count(*), sum(input), sum(output),
                sum(cache_write_5m), sum(cache_write_1h), sum(cache_read), sum(web_searches), count(logged_cost),
                coalesce(sum(logged_cost), 0), sum(unfinished), sum(missing_output)
            FROM message WHERE billed GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11;
        -- transcripts that still exist are read again, and name their ways
        UPDATE file SET size = -1, offset = 0, looks = 40, branch = '', cwd = '', stamp = '';
        """,
    ),
    (
        "use on credits after a limit",
        """
        CREATE TABLE metered (              -- notices that work went on after a limit, drawing on usage credits
            folder INTEGER NOT NULL, key TEXT NOT NULL, scope TEXT NOT NULL, at INTEGER NOT NULL, resets_at INTEGER,
            PRIMARY KEY (folder, key, at)
        ) WITHOUT ROWID;
        -- transcripts that still exist are read again for them, and for batches
        UPDATE file SET size = -1, offset = 0, looks = 40, branch = '', cwd = '', stamp = '';
        """,
    ),
    (
        "ways as copies name them, beside ways in full",
        """
        ALTER TABLE answer ADD COLUMN own_way INTEGER NOT NULL DEFAULT 0; -- `way` follows from it, the origin and the session
        UPDATE answer SET own_way = way;
        """,
    ),
)
