"""Compare the rest of the 5-hour limit with past sessions: counts, no model of the future."""

from collections.abc import Iterable, Iterator

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import NamedTuple
from tachograph.ledger.estimates import training_data as kept
from tachograph.model.estimates import training_windows, weights
from tachograph.model.estimates.learner import Learned
from tachograph.model.estimates.training_windows import FIVE_HOURS, Message
from tachograph.model.limits.limits import FIVE_HOUR
from tachograph.model.usage.prices import PriceBook
from tachograph.queries.estimates.constants import LITTLE
from tachograph.queries.estimates.learning import LearnedState, dollars, load, sum_by_model
from tachograph.queries.limits.current import RESET, NowAccount

SESSIONS = 60  # of the account's own past, to which a next one is compared
_SOME = 30  # sessions of the last days from which on older ones are not looked up
_FEW = 8  # sessions from which on counts of them say something
_LEAST_POINTS = 0.1  # a session below this is no example: a title, a question that was cancelled


class NextSession(NamedTuple):
    """Past sessions beside the rest of the 5-hour window. `left` percent (None: unknown); of
    `sessions` past ones, `more` used more than that; `median`, `p90` and `most` points of a window that they used.
    `resets_at` of the window, None if none runs. `why_not`: LITTLE if the logs explain too little of the limit."""

    left: float | None
    sessions: int
    more: int
    median: float | None
    p90: float | None
    most: float | None
    resets_at: int | None
    is_enough: bool
    why_not: str = ""


def next_session(
    db: sqlite3.Connection, book: PriceBook, account: NowAccount, at: int, state: LearnedState | None = None
) -> NextSession:
    """Compare past sessions of an account with the rest of its 5-hour window."""
    state = load(db, book, account.id, at) if state is None else state
    limit = account.limit(FIVE_HOUR)
    left = None if limit is None else 100.0 if limit.state == RESET else None
    if limit is not None and limit.percent is not None:
        left = max(0.0, 100.0 - limit.percent)
    resets_at = limit.resets_at if limit is not None and limit.state != RESET else None
    nothing = NextSession(left, 0, 0, None, None, None, resets_at, False)
    five = state.learned.five
    if five is None or state.is_by_days:
        return nothing
    if state.explains_little:
        return nothing._replace(why_not=LITTLE)
    sizes: list[float] = []
    for days in (14, 56):  # people who work much have enough of them in the last days
        if len(sizes) < _SOME:
            sizes = _sizes(_summed_work(db, book, account.id, at - days * 86_400_000, at), state.learned, at)
    if not sizes:
        return nothing
    ordered = sorted(sizes)
    more = 0 if left is None else sum(1 for size in sizes if size > left)
    return NextSession(
        left,
        len(sizes),
        more,
        _quantile(ordered, 0.5),
        _quantile(ordered, 0.9),
        ordered[-1],
        resets_at,
        len(sizes) >= _FEW and five.windows >= 3,
    )


def _summed_work(
    db: sqlite3.Connection, book: PriceBook, account: int, since: int, until: int
) -> Iterator[tuple[Message, float]]:
    """Work by five minutes, session and model, as one message at its first moment, and the last moment of it (epoch seconds)."""
    for row, last in kept.work_by_five_minutes(db, account, since, until):
        if (cost := dollars(book, row)) is not None:
            yield Message(row.at / 1000, str(row.session), row.model, cost), last / 1000


def _sizes(work: Iterable[tuple[Message, float]], learned: Learned, at: int) -> list[float]:
    """Points of a 5-hour window that the last sessions used, newest last. A session that goes on longer than a window counts
    as another one; one that is active is not over, and no example."""
    five = learned.five
    if five is None:
        return []
    works: dict[tuple[str, int], list[training_windows.Work]] = {}
    begun: dict[str, float] = {}
    last: dict[tuple[str, int], float] = {}
    part: dict[str, int] = {}
    for message, ends in work:
        if message.session not in begun or message.at >= begun[message.session] + FIVE_HOURS:
            part[message.session] = part.get(message.session, -1) + 1
            begun[message.session] = message.at
        key = (message.session, part[message.session])
        works.setdefault(key, []).append(training_windows.work_of(message))
        last[key] = max(ends, last.get(key, ends))
    over = [key for key in sorted(last, key=lambda key: last[key]) if last[key] < at / 1000 - 900]
    peak = learned.hour_weight
    sizes = [sum(weights.points(five, sum_by_model(works[key]), peak).values()) for key in over[-2 * SESSIONS :]]
    return [size for size in sizes if size >= _LEAST_POINTS][-SESSIONS:]


def _quantile(ordered: list[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]
