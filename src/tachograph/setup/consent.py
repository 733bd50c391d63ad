"""Where readings of limits may come from: what each source reads and sends, and which one needs a person's yes first."""

from typing import NamedTuple

from tachograph.ledger.choices import CONSENT, choose, has_consent
from tachograph.ledger.db import Ledger
from tachograph.model.limits import BROWSER, CLAUDE_JSON, COOKIES, DESKTOP, OAUTH, STATUSLINE, TRANSCRIPT

PASSIVE, ON_CONSENT, NOT_YET = "passive", "consent", "not yet"


class Source(NamedTuple):
    """A source in plain words. `kind`: read without asking, only after a yes, or not in this version."""

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
        "Nothing, to nobody.",
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
        "Nothing, to nobody.",
        "All limits and extra usage, as of when Claude Code last asked.",
        "Anything since then: it may be days old.",
    ),
    Source(
        DESKTOP,
        "Claude Desktop's samples",
        PASSIVE,
        "The usage history that Claude Desktop writes on macOS and Windows.",
        "Nothing, to nobody.",
        "5-hour and 7-day percentages every 5 to 15 minutes, while the app runs.",
        "Resets, other limits, extra usage.",
    ),
    Source(
        TRANSCRIPT,
        "Refusals in transcripts",
        PASSIVE,
        "The notices that Claude Code writes into a session's log when a limit is reached.",
        "Nothing, to nobody.",
        "At the wall, until when.",
        "Anything before a limit is reached.",
    ),
    Source(
        OAUTH,
        "The usage endpoint",
        ON_CONSENT,
        "Claude Code's own sign-in, from its credentials file or the macOS Keychain, at the moment of asking. It is not"
        " copied, not kept, not renewed, and appears in no log.",
        "That sign-in, to https://api.anthropic.com and to nobody else: GET /api/oauth/usage, and /api/oauth/profile once"
        " a day; at most 12 times an hour, less when nothing moves.",
        "All limits, extra usage in money, the plan, and what part of the week chat and other products used.",
        "Which session or model used what.",
        "The endpoint is not documented and may change or end. Anthropic's terms keep this sign-in for Claude Code and"
        " Anthropic's own apps and forbid others to collect it; a tool on your own machine that asks with it is at your own"
        " risk.",
        "tachograph sources enable oauth",
    ),
    Source(
        BROWSER,
        "A paired browser",
        NOT_YET,
        "What a browser extension of ours would read on claude.ai.",
        "Nothing, to nobody.",
        "All limits every minute.",
        "",
    ),
    Source(
        COOKIES,
        "A browser's cookies",
        NOT_YET,
        "A browser's session for claude.ai.",
        "Nothing, to nobody.",
        "What claude.ai shows.",
        "",
    ),
)


def source(name: str) -> Source | None:
    """The source that programs call so; None where there is none."""
    return next((one for one in SOURCES if one.name == name), None)


def is_on(ledger: Ledger, one: Source) -> bool:
    """Whether it is used."""
    return one.kind == PASSIVE or (one.kind == ON_CONSENT and has_consent(ledger.db, one.name))


def switch(ledger: Ledger, one: Source, on: bool, now_ms: int) -> None:
    """Keep a person's yes or no. Raises LedgerError."""
    with ledger.transaction() as db:
        choose(db, CONSENT + one.name, "on" if on else "off", now_ms)
