"""Notes on an account beside its limits: banked resets, and fields of its sources that this version does not read."""

from tachograph.model.usage.periods import Calendar
from tachograph.queries.limits.current import NowAccount
from tachograph.text.format import safe
from tachograph.text.limits import SOURCE_WORDS, clock


def banked_words(account: NowAccount, at: int, calendar: Calendar) -> list[str]:
    """`Banked limit reset: Opus 5.5 launch, until 22 Oct 19:00`, one line for each that has not expired."""
    made = []
    for reset in account.banked:
        if reset.expires_at is not None and reset.expires_at <= at:
            continue
        until = f", until {clock(reset.expires_at, at, calendar)}" if reset.expires_at is not None else ""
        made.append(f"Banked limit reset: {safe(reset.label)}{until}")
    return made


def unread_words(account: NowAccount) -> list[str]:
    """One line for each source with an answer that was not read whole, and the command that lists the rest."""
    return [unread_line(source, problems) for source, problems in account.unread]


def unread_line(source: str, problems: tuple[str, ...]) -> str:
    """`usage endpoint: not all of it was read: … (and 2 more). Details: tachograph sources oauth`."""
    name = SOURCE_WORDS.get(source, source)
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{name}: not all of it was read: {safe(problems[0])}{more}. Details: tachograph sources {source}"
