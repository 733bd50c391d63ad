"""Sources of limit readings: what each one reads, sends and gives, and which ones need consent."""

from typing import NamedTuple

from tachograph.lean_sqlite import sqlite3
from tachograph.ledger.limits import pairings
from tachograph.ledger.storage.connection import Ledger
from tachograph.ledger.storage.preferences import CONSENT, has_consent, set_preference
from tachograph.model.limits.limits import (
    BROWSER,
    CLAUDE_CODE,
    CLAUDE_JSON,
    COOKIES,
    DESKTOP,
    OAUTH,
    STATUSLINE,
    TRANSCRIPT,
)

PASSIVE, ON_CONSENT, ON_PAIRING = "passive", "consent", "pairing"


class Source(NamedTuple):
    """A source in plain words. `kind`: read without asking, only with consent, or once a browser is paired."""

    name: str
    title: str
    kind: str
    reads: str
    sends: str
    gives: str
    blind: str  # what it cannot see
    terms: str = ""
    how: str = ""  # how to get it going


SOURCES = (
    Source(
        STATUSLINE,
        "Claude Code's status line",
        PASSIVE,
        "What Claude Code pipes to its status line command: percentages and resets of the 5-hour and the 7-day limit, and how"
        " large a session's context window is.",
        "Nothing.",
        "A number with every answer, while a session runs in a terminal.",
        "Other limits (Opus, Fable), extra usage, sessions without a terminal (claude -p, the desktop app, the IDE).",
        "Documented by Anthropic for this use.",
        "tachograph statusline install",
    ),
    Source(
        CLAUDE_JSON,
        "Claude Code's cached answer",
        PASSIVE,
        "The answer of the usage endpoint that Claude Code itself keeps in .claude.json, and who is signed in.",
        "Nothing.",
        "All limits and extra usage, as of when Claude Code last asked.",
        "Anything since then: it may be days old.",
    ),
    Source(
        DESKTOP,
        "Claude Desktop's samples",
        PASSIVE,
        "The usage history that Claude Desktop writes on macOS and Windows.",
        "Nothing.",
        "5-hour and 7-day percentages every 5 to 15 minutes, while the app runs.",
        "Resets, other limits, extra usage.",
    ),
    Source(
        TRANSCRIPT,
        "Refusals in transcripts",
        PASSIVE,
        "The notices that Claude Code writes into a session's log when a limit is reached.",
        "Nothing.",
        "That a limit is reached, and until when.",
        "Anything before a limit is reached.",
    ),
    Source(
        CLAUDE_CODE,
        "Claude Code itself",
        ON_CONSENT,
        "No sign-in and no token. The recorder starts the program `claude` by its absolute path (from an absolute folder of PATH or"
        " from where its installers put it, never from the current folder) in an empty folder of Tachograph's, sends it the"
        " control request get_usage (in older versions the command /usage), and reads its answer. Hooks, MCP servers, project"
        " and user settings, updates and telemetry are off; variables with API keys and tokens are removed; after 20 seconds it"
        " is ended. No prompt is sent and nothing is billed. The answer counts only if the account in it and in .claude.json"
        " are one. The process keeps no session, and its folder is left out of all counts.",
        "Nothing from here. Claude Code asks Anthropic with its own sign-in, as its /usage screen does: at most once every 5 to 30"
        " minutes, and not while a session of that config folder had a message within 60 seconds.",
        "All limits with the weeks of single models, and extra usage in money, without handing over a sign-in.",
        "Which session or model used what. It needs Claude Code on this machine, signed in to a plan.",
        "The request is marked as experimental in the Agent SDK and may change or end.",
        "tachograph sources enable claude_code",
    ),
    Source(
        OAUTH,
        "The usage endpoint",
        ON_CONSENT,
        "Claude Code's own sign-in, from its credentials file or the macOS Keychain, at the moment of asking. It is not"
        " copied, not kept, not renewed, and appears in no log.",
        "That sign-in, to https://api.anthropic.com and nowhere else: GET /api/oauth/usage, and /api/oauth/profile once"
        " a day; at most 12 times an hour, less when nothing moves.",
        "All limits, extra usage in money, the plan, and what share of the week chat and other products used.",
        "Which session or model used what.",
        "The endpoint is not documented and may change or end. Anthropic's terms keep this sign-in for Claude Code and"
        " Anthropic's own apps and forbid others to collect it; a tool on your own machine that asks with it is at your own"
        " risk.",
        "tachograph sources enable oauth",
    ),
    Source(
        BROWSER,
        "A paired browser",
        ON_PAIRING,
        "What the browser extension sends: every minute, for each account that is signed in to claude.ai in that browser,"
        " its limits, extra usage, subscription and credits, its e-mail address and plan. The extension asks claude.ai as its own"
        " settings page does; names, payment methods and everything that is not shown are dropped in the browser.",
        "Nothing from here. The browser asks https://claude.ai with its own session, which never leaves it, and"
        " sends what it keeps to this computer alone (127.0.0.1), after the recorder has proved who it is.",
        "All limits of every account every minute, extra usage in money, the next charge, credits that are left; for that"
        " account the usage endpoint is not asked meanwhile.",
        "Which session or model used what. Accounts that are not signed in to in that browser.",
        "What claude.ai tells its own page is not documented and may change or end. Anthropic's consumer terms do not"
        " provide for automated access; an extension that asks in your own browser is at your own risk.",
        "tachograph pair --open",
    ),
    Source(
        COOKIES,
        "A browser's cookies",
        ON_CONSENT,
        "At the moment of asking, the one cookie sessionKey of claude.ai from the cookie store of the browser that you name"
        " (read into memory; no cookie of others is written down), decrypted with that browser's key from your keyring. It"
        " is not kept, and appears in no log.",
        "That session, to https://claude.ai and nowhere else, as tachograph and not as a browser: GET /api/account and"
        " /api/organizations/…/usage; at most 12 times an hour, less when nothing moves.",
        "All limits and extra usage of every account that is signed in to in that browser.",
        "Anything where claude.ai shows a challenge page to what is no browser; cookies that Chrome and Edge on Windows"
        " seal for themselves. After three refusals it switches itself off.",
        "The last resort, for those who can load no extension. A session is as good as a password; Anthropic's terms forbid"
        " others to collect it, and a tool on your own machine that asks with it is at your own risk.",
        "tachograph sources enable cookies --browser NAME",
    ),
)


def source(name: str) -> Source | None:
    """The source with a name, None if unknown."""
    return next((one for one in SOURCES if one.name == name), None)


def is_on(ledger: Ledger, one: Source) -> bool:
    """True if a source is in use."""
    return is_on_in(ledger.db, one)


def is_on_in(db: sqlite3.Connection, one: Source) -> bool:
    """The same, of an open database."""
    if one.kind == ON_PAIRING:
        return bool(pairings.pairings(db))
    return one.kind == PASSIVE or has_consent(db, one.name)


def switch(ledger: Ledger, one: Source, on: bool, now_ms: int) -> None:
    """Store a person's consent to a source, or its withdrawal. Raises LedgerError."""
    with ledger.transaction() as db:
        set_preference(db, CONSENT + one.name, "on" if on else "off", now_ms)
