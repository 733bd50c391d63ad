"""Sentences of the week's card: the answer, the sessions that used most, and the end of the week on another model."""

from tachograph.queries.estimates.attribution import Attribution, Part
from tachograph.queries.estimates.card_week import CardWeek
from tachograph.queries.estimates.constants import LEARNED
from tachograph.queries.estimates.what_if_table import WhatIfTable
from tachograph.text.attribution import percent, why_words
from tachograph.text.format import cut, safe
from tachograph.text.what_if import best_words

_SESSIONS = 2
_LARGE = 0.1  # share of the week from which a session is named
_LONGEST_TITLE = 40
_LARGEST = {1: "Largest session", 2: "Largest sessions"}


def large_sessions(found: Attribution) -> tuple[Part, ...]:
    """The sessions that used most of the week, at most two, each with a share worth a name."""
    return tuple(part for part in found.by_session[:_SESSIONS] if part.share is not None and part.share.value >= _LARGE)


def sessions_words(found: Attribution) -> str:
    """The largest sessions with their shares, in a sentence; "" without one worth a name."""
    large = large_sessions(found)
    if not large:
        return ""
    named = [f"{cut(safe(part.name), _LONGEST_TITLE)} ({percent(part.share.value)})" for part in large if part.share]
    return f"{_LARGEST[len(large)]}: {' and '.join(named)}."


def advice_words(week: CardWeek, what_ifs: WhatIfTable | None) -> str:
    """The end of the running week on each lighter model in use; "" for a past week, or if no model changes it."""
    if week.back or week.found.method != LEARNED or what_ifs is None:
        return ""
    return safe(best_words(what_ifs))


def card_words(week: CardWeek, what_ifs: WhatIfTable | None = None) -> list[str]:
    """The card in sentences; empty while there is no answer in points of the limit."""
    if week.found.method != LEARNED:
        return []
    sentences = (safe(why_words(week.found)), sessions_words(week.found), advice_words(week, what_ifs))
    return [sentence for sentence in sentences if sentence]
