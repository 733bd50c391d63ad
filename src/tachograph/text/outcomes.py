"""Outcomes of asking a source, in words with a remedy."""

from tachograph.model.limits.limits import (
    BLOCKED,
    BROWSER,
    CLAUDE_CODE,
    COOKIES,
    DENIED,
    EXPIRED,
    FORBIDDEN,
    LIMITED,
    NO_LOGIN,
    NO_PROGRAM,
    OFFLINE,
    OK,
    PORTAL,
    SERVER,
    SHAPE,
    TIMEOUT,
    TLS,
)

_WORDS = {
    OK: "answered",
    NO_LOGIN: "nobody is signed in to a Claude plan here; run `claude` and sign in",
    DENIED: "this computer does not hand the login out; allow it, or live with the other sources",
    EXPIRED: "the sign-in has expired; Claude Code renews it when it next runs",
    FORBIDDEN: "this login may not read usage (a token of `claude setup-token` cannot); sign in with `claude`",
    LIMITED: "asked too often, by anybody with this login; it is asked again when the service allows it",
    SERVER: "the service has trouble of its own; it is asked again later",
    TIMEOUT: "no answer in time; it is asked again later",
    OFFLINE: "no connection; it is asked again when there is one",
    TLS: "no connection that can be trusted: a network that reads along, or a wrong clock on this computer",
    PORTAL: "a network in between answers instead of the service; sign in to that network",
    BLOCKED: "a challenge page stands before the service: blocked for now, not signed out",
    SHAPE: "an answer that this version does not understand; a newer version may",
}


_OF_A_BROWSER = {
    EXPIRED: "signed out of claude.ai in that browser; sign in there, and it goes on",
    FORBIDDEN: "claude.ai does not let that account read its usage",
    BLOCKED: "claude.ai shows that browser a challenge page: blocked for now, not signed out; open claude.ai in it once",
}
_OF_COOKIES = {
    NO_LOGIN: "no session of claude.ai is in that browser; sign in to claude.ai there",
    DENIED: "that browser's cookies cannot be read here; its extension needs no cookies: tachograph pair --open",
    EXPIRED: "the session in that browser is no longer good; sign in to claude.ai there",
    FORBIDDEN: "claude.ai does not let that account read its usage",
    BLOCKED: "claude.ai shows a challenge page to what is no browser; the extension is not stopped by it:"
    " tachograph pair --open",
}
_OF_CLAUDE_CODE = {
    NO_PROGRAM: "Claude Code is not installed in a folder of PATH; install it, or turn this source off",
    NO_LOGIN: "Claude Code is not signed in to a plan here; run `claude` and sign in",
    TIMEOUT: "Claude Code did not answer in time; it is asked again later",
    SHAPE: "an answer of Claude Code that this version does not understand, or one for another account",
}
_BY_SOURCE = {CLAUDE_CODE: _OF_CLAUDE_CODE, BROWSER: _OF_A_BROWSER, COOKIES: _OF_COOKIES}


def outcome_words(outcome: str, source: str = "") -> str:
    """Meaning of an outcome (model/limits) for a source, with its remedy; an unknown outcome as it is."""
    return _BY_SOURCE.get(source, _WORDS).get(outcome) or _WORDS.get(outcome, outcome)
