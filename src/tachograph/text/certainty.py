"""Sentences about the certainty of counts: unfinished answers, and Claude Code's own sum of sessions."""

from tachograph.model.usage.model_names import display_name
from tachograph.queries.usage.rows import Spend
from tachograph.queries.usage.witness import Witness
from tachograph.text.format import count, plural, safe, tokens

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


def unfinished_words(totals: Spend) -> str:
    """The share of answers whose final count Claude Code never wrote, and how much output they lack at least."""
    n, verb = totals.unfinished, "has" if totals.unfinished == 1 else "have"
    missing = (
        f" At least about {tokens(totals.missing_output)} output tokens are missing." if totals.missing_output else ""
    )
    return (
        f"{count(n)} of {plural(totals.tokens.messages, 'message')} {verb} only a streaming placeholder as output: output and"
        f" cost are too low.{missing}"
    )
