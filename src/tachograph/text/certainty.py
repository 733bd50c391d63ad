"""Sentences about the certainty of counts: unfinished answers, and Claude Code's own sum of sessions."""

from __future__ import annotations

from tachograph.lean_typing import TYPE_CHECKING
from tachograph.model.usage.model_names import display_name
from tachograph.queries.usage.rows import Spend
from tachograph.text.format import count, plural, safe, tokens, usd

if TYPE_CHECKING:
    from tachograph.queries.usage.witness import Witness

ESTIMATE = "* API-equivalent estimate; a subscription does not bill it."
PAGE_ESTIMATE = "* API-equivalent estimate; a subscription bills only what draws on usage credits."
_LEAST = 0.0005  # US dollars: less is rounding


def exact_usd(amount: float) -> str:
    """$0.092: three decimals below a dollar, where side calls are small."""
    return f"${amount:,.2f}" if amount >= 1 else f"${amount:.3f}"


def witness_words(found: Witness) -> str:
    """Claude Code's own sum, and the part of it that no message shows."""
    where = "this session" if found.sessions == 1 else plural(found.sessions, "session")
    start = f"Claude Code itself counted {exact_usd(found.counted_usd)} in {where}"
    if found.unseen_usd < _LEAST:
        return f"{start}, which the messages account for."
    names = ", ".join(safe(display_name(model)) for model in found.unseen_models[:3])
    of = f" of {names}" if names else ""
    return f"{start}; {exact_usd(found.unseen_usd)} of it are side calls{of} that no message shows."


def unfinished_words(totals: Spend) -> list[str]:
    """The share of answers without a final count, and the output that they lack at least, as short sentences."""
    verb = "is" if totals.unfinished == 1 else "are"
    made = [
        f"{count(totals.unfinished)} of {plural(totals.tokens.messages, 'message')} {verb} unfinished: output and cost are too low."
    ]
    if totals.missing_output:
        made.append(f"At least about {tokens(totals.missing_output)} output tokens are missing.")
    return made


def estimate_words(totals: Spend) -> list[str]:
    """The footnote of a cost: an estimate that a subscription does not bill, except for what draws on usage credits."""
    if not totals.billed:
        return [ESTIMATE]
    rest = totals._replace(cost=(totals.cost or 0) - totals.billed)
    covered = f"; a subscription covers {usd(rest.usd)} of it" if rest.cost else ""
    return [f"* API-equivalent estimate{covered}.", billed_words(totals)]


def billed_words(totals: Spend) -> str:
    """The sums that are billed beside a subscription, in a sentence; "" without any."""
    if not totals.billed:
        return ""
    parts = {"in fast mode": totals.billed - totals.after_limit, "after a limit": totals.after_limit}
    amounts = [f"{usd(Spend(cost=cost).usd)} {words}" for words, cost in parts.items() if cost]
    verbs = "draws on usage credits and is" if len(amounts) == 1 else "draw on usage credits and are"
    return f"{' and '.join(amounts)} {verbs} billed."
