"""What came of asking a source, in words: what it means and what a person can do about it."""

from tachograph.model.limits import (
    BLOCKED,
    DENIED,
    EXPIRED,
    FORBIDDEN,
    LIMITED,
    NO_LOGIN,
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


def outcome_words(outcome: str) -> str:
    """What an outcome of model.limits means, and its remedy; the outcome itself where we have no words for it."""
    return _WORDS.get(outcome, outcome)
