"""The hub's tables, as steps that are only ever added. `BYTES` and `INTEGER` (64 bits) become the engine's types.

Keys lead with `member`, so that rows of a person are together and can be distributed by person. Texts are numbered in
`word` by a hash of theirs; 0 is "none" in `message` and `totals`, and "others" in `atom`.
"""

_MEASURES = (
    "messages INTEGER NOT NULL, input INTEGER NOT NULL, output INTEGER NOT NULL, cache_write_5m INTEGER NOT NULL,"
    " cache_write_1h INTEGER NOT NULL, cache_read INTEGER NOT NULL, web_searches INTEGER NOT NULL,"
    " logged_messages INTEGER NOT NULL, logged_cost INTEGER NOT NULL"
)
MEASURES = (
    "messages", "input", "output", "cache_write_5m", "cache_write_1h", "cache_read", "web_searches", "logged_messages",
    "logged_cost",
)  # fmt: skip
_GROUP = (
    "model INTEGER NOT NULL, tariff INTEGER NOT NULL, project INTEGER NOT NULL, pull_request INTEGER NOT NULL,"
    " account INTEGER NOT NULL, counted INTEGER NOT NULL, source INTEGER NOT NULL"
)
GROUP = ("model", "tariff", "project", "pull_request", "account", "counted", "source")

_DAY_BITS = " ".join(f"WHEN {number} THEN {1 << number}" for number in range(7))
WEEK_OF_DAYS = (
    f"INSERT INTO totals_week SELECT member, day - (day + 3) % 7, {', '.join(GROUP)},"
    f" {', '.join(f'sum({one})' for one in MEASURES)}, sum(DISTINCT CASE (day + 3) % 7 {_DAY_BITS} END)"
    " FROM totals_day WHERE day >= 0"
)
"""Adds days up to weeks; needs a GROUP BY member, week and group."""

_STEPS = (
    # 1: machines of one person
    """
CREATE TABLE hub (id TEXT NOT NULL, salt TEXT NOT NULL, made_at INTEGER NOT NULL);
CREATE TABLE member (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, joined_at INTEGER NOT NULL,
    key_check TEXT NOT NULL DEFAULT '', seq INTEGER NOT NULL DEFAULT 0, erased_at INTEGER
);
CREATE TABLE machine (
    id TEXT PRIMARY KEY, member INTEGER NOT NULL, name TEXT NOT NULL, token BYTES NOT NULL,
    share TEXT NOT NULL, ledger TEXT NOT NULL DEFAULT '', version TEXT NOT NULL DEFAULT '',
    joined_at INTEGER NOT NULL, seen_at INTEGER NOT NULL DEFAULT 0, skew_ms INTEGER NOT NULL DEFAULT 0,
    revoked_at INTEGER
);
CREATE TABLE retired (machine TEXT NOT NULL, ledger TEXT NOT NULL, PRIMARY KEY (machine, ledger));
CREATE TABLE invite (
    id TEXT PRIMARY KEY, digest BYTES NOT NULL, name TEXT NOT NULL, role TEXT NOT NULL,
    made_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, used_at INTEGER
);
CREATE TABLE attempt (invite TEXT NOT NULL, address TEXT NOT NULL, hour INTEGER NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (invite, address, hour));
CREATE TABLE fact (
    member INTEGER NOT NULL, machine TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL,
    ledger TEXT NOT NULL, revision INTEGER NOT NULL, body TEXT, sealed TEXT NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (member, machine, kind, key)
);
CREATE UNIQUE INDEX fact_seq ON fact (member, seq);
CREATE TABLE audit (member INTEGER, at INTEGER NOT NULL, action TEXT NOT NULL, details TEXT NOT NULL);
""",
    # 2: several persons
    f"""
ALTER TABLE member ADD COLUMN left_at INTEGER;
ALTER TABLE audit ADD COLUMN actor INTEGER;
CREATE INDEX audit_member ON audit (member, at);
CREATE INDEX audit_actor ON audit (actor, at);
CREATE INDEX machine_token ON machine (token);
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL, at INTEGER NOT NULL);
CREATE TABLE consent (member INTEGER NOT NULL, what TEXT NOT NULL, level TEXT NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY (member, what));
CREATE TABLE word (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, text TEXT NOT NULL);
CREATE TABLE message (
    member INTEGER NOT NULL, identity INTEGER NOT NULL, at INTEGER, chosen_at INTEGER, request INTEGER NOT NULL, {_GROUP}, {_MEASURES},
    PRIMARY KEY (member, identity)
);
CREATE INDEX message_identity ON message (identity);
CREATE INDEX message_request ON message (member, request);
CREATE TABLE totals (member INTEGER NOT NULL, quarter INTEGER NOT NULL, {_GROUP}, {_MEASURES},
    PRIMARY KEY (member, quarter, {", ".join(GROUP)}));
CREATE INDEX totals_quarter ON totals (quarter);
CREATE TABLE totals_day (member INTEGER NOT NULL, day INTEGER NOT NULL, {_GROUP}, {_MEASURES},
    PRIMARY KEY (member, day, {", ".join(GROUP)}));
CREATE INDEX totals_day_day ON totals_day (day);
CREATE TABLE limit_now (
    member INTEGER NOT NULL, account TEXT NOT NULL, key TEXT NOT NULL, label TEXT NOT NULL, plan TEXT NOT NULL,
    percent DOUBLE PRECISION, resets_at INTEGER, observed_at INTEGER NOT NULL, source TEXT NOT NULL, machine TEXT NOT NULL,
    PRIMARY KEY (member, account, key)
);
CREATE TABLE dirty (member INTEGER NOT NULL, day INTEGER NOT NULL, PRIMARY KEY (member, day));
CREATE TABLE released (
    member INTEGER NOT NULL, day INTEGER NOT NULL, model INTEGER NOT NULL, tariff INTEGER NOT NULL,
    project INTEGER NOT NULL, pull_request INTEGER NOT NULL, {_MEASURES},
    PRIMARY KEY (member, day, model, tariff, project, pull_request)
);
CREATE INDEX released_day ON released (day);
CREATE TABLE atom (
    id INTEGER PRIMARY KEY, day INTEGER NOT NULL, days INTEGER NOT NULL, model INTEGER NOT NULL, project INTEGER NOT NULL,
    pull_request INTEGER NOT NULL, people INTEGER NOT NULL, messages INTEGER NOT NULL, tokens INTEGER NOT NULL,
    cost INTEGER NOT NULL, unpriced INTEGER NOT NULL, made_at INTEGER NOT NULL
);
CREATE INDEX atom_day ON atom (day);
CREATE TABLE atom_member (
    atom INTEGER NOT NULL, member INTEGER NOT NULL, day INTEGER NOT NULL, messages INTEGER NOT NULL,
    tokens INTEGER NOT NULL, cost INTEGER NOT NULL, unpriced INTEGER NOT NULL, PRIMARY KEY (atom, member)
);
CREATE INDEX atom_member_day ON atom_member (day);
CREATE TABLE viewed (viewer INTEGER NOT NULL, week INTEGER NOT NULL, known TEXT NOT NULL, PRIMARY KEY (viewer, week));
CREATE TABLE page_session (digest BYTES PRIMARY KEY, member INTEGER NOT NULL, kind TEXT NOT NULL, expires_at INTEGER NOT NULL);
CREATE TABLE book (day INTEGER NOT NULL, actor TEXT NOT NULL, model TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (day, actor, model));
""",
    # 3: Anthropic's own reports; tokens that may only send telemetry
    """
DROP TABLE book;
CREATE TABLE book_email (member INTEGER PRIMARY KEY, mark TEXT NOT NULL);
CREATE TABLE book_day (
    day INTEGER PRIMARY KEY, read_at INTEGER NOT NULL, people INTEGER NOT NULL, left_out INTEGER NOT NULL,
    refused INTEGER NOT NULL, billed INTEGER
);
CREATE TABLE book_sum (
    day INTEGER NOT NULL, member INTEGER NOT NULL, model INTEGER NOT NULL, people INTEGER NOT NULL, tokens INTEGER NOT NULL,
    cost INTEGER NOT NULL, unpriced INTEGER NOT NULL, PRIMARY KEY (day, member, model)
);
UPDATE machine SET share = 'telemetry' WHERE share = 'counts' AND ledger = '' AND name LIKE 'telemetry%';
""",
    # 4: totals by week; days of persons who came back, which are in published sums already
    f"""
CREATE TABLE adopted (member INTEGER NOT NULL, day INTEGER NOT NULL, PRIMARY KEY (member, day));
CREATE TABLE totals_week (member INTEGER NOT NULL, week INTEGER NOT NULL, {_GROUP}, {_MEASURES}, days INTEGER NOT NULL,
    PRIMARY KEY (member, week, {", ".join(GROUP)}));
CREATE INDEX totals_week_week ON totals_week (week);
{WEEK_OF_DAYS} GROUP BY member, day - (day + 3) % 7, {", ".join(GROUP)};
""",
    # 5: forecasts of limits, each with the reset and the time of the reading that it is of
    """
ALTER TABLE limit_now ADD COLUMN forecast_reset INTEGER;
ALTER TABLE limit_now ADD COLUMN forecast_of INTEGER;
ALTER TABLE limit_now ADD COLUMN chance DOUBLE PRECISION;
ALTER TABLE limit_now ADD COLUMN ends_value DOUBLE PRECISION;
ALTER TABLE limit_now ADD COLUMN ends_low DOUBLE PRECISION;
ALTER TABLE limit_now ADD COLUMN ends_high DOUBLE PRECISION;
""",
    # 6: parcels, each a sealed text with the rest of many facts; `live` counts those whose newest version is in it
    """
ALTER TABLE fact ADD COLUMN parcel INTEGER NOT NULL DEFAULT 0;
ALTER TABLE fact ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
CREATE TABLE parcel (
    member INTEGER NOT NULL, id INTEGER NOT NULL, machine TEXT NOT NULL, live INTEGER NOT NULL, data BYTES NOT NULL,
    PRIMARY KEY (member, id)
);
""",
)
VERSION = len(_STEPS)


def statements(number: int) -> list[str]:
    """The statements of one step."""
    return [one.strip() for one in _STEPS[number - 1].split(";") if one.strip()]
