"""The machines of a person in words."""

from tachograph.clock import ON_TIME_MS
from tachograph.queries.machines import MachineState, MachineStates
from tachograph.text.format import duration, plural


def machine_words(one: MachineState, now: int) -> str:
    """`last contact 4 min ago, clock 2 h fast`."""
    if one.seen_at is None:
        words = "no contact yet"
    else:
        words = f"last contact {duration(max(0, now - one.seen_at) / 1000)} ago"
    if abs(one.skew_ms) >= ON_TIME_MS:
        words += f", clock {duration(abs(one.skew_ms) / 1000)} {'slow' if one.skew_ms > 0 else 'fast'}"
    return words


def exchange_words(found: MachineStates, now: int) -> str:
    """`Last exchange 12 s ago; 3 facts to send.`"""
    ago = "never" if found.exchanged_at is None else f"{duration(max(0, now - found.exchanged_at) / 1000)} ago"
    words = f"Last exchange {ago}; {plural(found.waiting, 'fact')} to send."
    if found.not_understood:
        what = plural(found.not_understood, "fact")
        words += f" {what} of other machines could not be understood: update Tachograph everywhere."
    return words
