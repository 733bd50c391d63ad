"""Finds refusals in transcripts: the limit that was reached, and its reset.

Claude Code writes such a notice as an answer of its own (`isApiErrorMessage`, model `<synthetic>`). What people and
models write about limits is never looked at. Newer records hold the service's verdict (`quotaLimits`, since 2.1.260),
which goes before the text; the texts are those of every version since 2025, and the prefixes that Anthropic publishes
(`USAGE_LIMIT_ERROR_PREFIXES` of @anthropic-ai/claude-agent-sdk 0.3.330).
"""

import re
from collections.abc import Mapping
from datetime import tzinfo
from typing import NamedTuple

from tachograph.model.limits.limits import FIVE_HOUR, SESSION_MS, SEVEN_DAY, SPEND_LIMIT
from tachograph.model.limits.reset_text import reset_moment
from tachograph.model.parsing import epoch_ms, iso_ms, limit_name, text

CREDITS = "usage_credits"  # metered use beyond the plan has run out, or is needed and not there
ALLOCATION = "allocation"  # an administrator gave this seat no use, or no more

_LABELS = {CREDITS: "Usage credits", SPEND_LIMIT: "Spend limit", ALLOCATION: "Seat's allocation"}
# "Fable limit" is what Claude Code itself calls `seven_day_overage_included` (2.1.283).
_TYPES = {"seven_day_overage_included": "weekly_scoped:fable", "overage": CREDITS}

_HIT = re.compile(r"You(?:'ve| have) (?:hit|reached) (?:your|the) (?P<what>[^·∙•.|\n]*)", re.IGNORECASE)
_REACHED = re.compile(r"(?P<what>[^·∙•.|\n]{0,40}?) ?limit reached(?:\|(?P<epoch>\d{9,13}))?", re.IGNORECASE)
_BEGINNINGS = (
    ("you're out of usage credits", CREDITS),
    ("you're out of extra usage", CREDITS),
    ("your org is out of usage", CREDITS),
    ("your seat type doesn't include", ALLOCATION),
    ("your usage allocation has been disabled", ALLOCATION),
    ("your group's usage limit is set to", ALLOCATION),
)
_NEEDS_CREDITS = re.compile(r"(?P<model>\w+)(?: [\d.]+)? requires (?:usage credits|extra usage)", re.IGNORECASE)
_ON_CREDITS = re.compile(r"now using (?:\w+ )?(?:usage credits|extra usage|credits)", re.IGNORECASE)
_WARNINGS = ("you've used", "you're close to", "approaching")
_NOT_A_PLAN = re.compile(r"\b(?:context|rate|fast(?: mode)?|output|token|budget|request)\b", re.IGNORECASE)

# "You've hit your individual spend limit · … · your weekly limit resets Oct 3, 4pm": not the limit that was reached.
_OF_ANOTHER = re.compile(r"your \w+ limit resets", re.IGNORECASE)


class Notice(NamedTuple):
    """A limit that was reached: `key` and `label` as in model.limits.Limit, or one of CREDITS, SPEND_LIMIT, ALLOCATION.

    `at` and `resets_at` in epoch milliseconds, `resets_at` None where nobody said. `is_wall` is false where work went
    on all the same, on usage credits or with another model. `scope`: the one model that it concerns, "" for all.
    `on_credits`: work went on, drawing on usage credits.
    """

    key: str
    label: str
    at: int
    resets_at: int | None
    is_wall: bool
    scope: str = ""
    on_credits: bool = False


def notice(record: Mapping[str, object], zone: tzinfo | None = None) -> Notice | None:
    """The refusal in a decoded record of a transcript, None for other records.

    Old texts give the time of day without its zone: `zone` is then the reader's, and without one the reset stays
    unknown.
    """
    if record.get("isApiErrorMessage") is not True or record.get("type") != "assistant":
        return None
    message = _object(record.get("message"))
    at = iso_ms(record.get("timestamp"))
    if message.get("model", "<synthetic>") != "<synthetic>" or at is None:
        return None
    quota, said = _object(record.get("quotaLimits")), _said(message)
    if said.lower().startswith(_WARNINGS):
        return None
    resets_at = epoch_ms(quota.get("resetsAt"))
    if resets_at is None and not _OF_ANOTHER.search(said):
        resets_at = _resets_at(said, at, zone)
    key = _key(said, resets_at - at if resets_at else None)
    kind = text(quota.get("rateLimitType"))
    if quota.get("status") == "rejected" and kind and (key is None or limit_name(key).scope is None):
        key = _TYPES.get(kind, kind)
    if key is None:
        return None
    on_credits = key != CREDITS and (quota.get("isUsingOverage") is True or bool(_ON_CREDITS.search(said)))
    went_on = on_credits or "now using" in said.lower()
    needs = _NEEDS_CREDITS.match(said) if key == CREDITS else None
    scope = needs["model"].capitalize() if needs else ""
    label = f"{scope} usage credits" if scope else _LABELS.get(key) or limit_name(key).label
    return Notice(key, label, at, resets_at, not went_on, scope, on_credits)


def _said(message: Mapping[str, object]) -> str:
    """The first text of an answer, with plain apostrophes."""
    content = message.get("content")
    blocks = content if isinstance(content, list) else [{"text": content}]
    texts = (block.get("text") for block in blocks if isinstance(block, Mapping))
    first = next((part for part in texts if isinstance(part, str)), "")
    return first[:1000].replace("\u2019", "'").strip()


def _key(said: str, ahead_ms: int | None) -> str | None:
    """The limit that a text names; None for other text."""
    lower = said.lower()
    for beginning, key in _BEGINNINGS:
        if lower.startswith(beginning):
            return key
    if _NEEDS_CREDITS.match(said):
        return CREDITS
    if (hit := _HIT.match(said)) and "limit" in hit["what"].lower():
        return _key_of_words(hit["what"].lower().partition("limit")[0], ahead_ms)
    if reached := _REACHED.match(said):
        return _key_of_words(reached["what"].lower(), ahead_ms)
    return None


def _key_of_words(what: str, ahead_ms: int | None) -> str | None:
    """`session`, `5-hour`, `weekly`, `opus weekly`, `fable 5`, `org's monthly spend`, `claude ai usage`, or nothing."""
    if _NOT_A_PLAN.search(what):
        return None
    if "spend" in what or "monthly" in what or "credit" in what:
        return CREDITS if "credit" in what else SPEND_LIMIT
    names = [
        word
        for word in re.findall(r"[a-z][a-z-]*|5-hour", what.replace("five-hour", "5-hour"))
        if word not in ("claude", "ai", "usage", "org", "s", "individual", "plan", "hour")
    ]
    if "session" in names or "5-hour" in names:
        return FIVE_HOUR
    models = [word for word in names if word not in ("weekly", "week", "day")]
    if models:
        return f"seven_day_{models[0]}" if models[0] in ("opus", "sonnet") else f"weekly_scoped:{' '.join(models)}"
    if names:
        return SEVEN_DAY
    # A text that names no limit: one that resets within five hours is the session's.
    return SEVEN_DAY if ahead_ms is not None and ahead_ms > SESSION_MS + 300_000 else FIVE_HOUR


def _resets_at(said: str, at: int, zone: tzinfo | None) -> int | None:
    """The reset that a text names: the next such moment after its record, in the zone that it names."""
    if (reached := _REACHED.match(said)) and reached["epoch"]:
        return epoch_ms(int(reached["epoch"]))
    return reset_moment(said, at, zone)


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
