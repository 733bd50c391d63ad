"""All models and common mixes side by side: the end of this week and of the next, and single sessions on each model."""

from collections.abc import Iterable, Sequence

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import NamedTuple
from tachograph.ledger.usage import sessions
from tachograph.model.estimates.attribution import Estimate
from tachograph.model.estimates.training_windows import Work as Priced
from tachograph.model.estimates.weights import Z80, points
from tachograph.model.limits.limits import SEVEN_DAY
from tachograph.model.usage.prices import PriceBook
from tachograph.queries.estimates import what_if
from tachograph.queries.estimates.attribution import Attribution, attribution
from tachograph.queries.estimates.constants import LEARNED, LITTLE, NO_WEIGHTS, NO_WORK
from tachograph.queries.estimates.learning import LearnedState, sum_by_model, work_for
from tachograph.queries.estimates.periods import all_resets
from tachograph.queries.estimates.what_if import Basis, Ratio
from tachograph.queries.limits.current import NowAccount

_FAMILIES = ("fable", "opus", "sonnet", "haiku")
_EVERYDAY = "sonnet"
_LEAST = 0.01  # share of the last week's points from which a model counts as one in use
_MODELS, _SESSIONS = 6, 5
_MIXES = (0.5, 0.2)  # shares of the work that stay on the heavier model of a mix


class MixRow(NamedTuple):
    """One way to work: `shares` by model (as logged), the rest of the work staying as it is; none: as it goes now. `this_week`
    and `next_week`: percent at their ends with 80 % intervals, beyond 100 if the limit is reached before; `this_week` None
    if none runs. `is_used`: all its models were in use in the last seven days."""

    shares: tuple[tuple[str, float], ...]
    this_week: Estimate | None
    next_week: Estimate
    is_used: bool = True


class SessionRow(NamedTuple):
    """A session's points of the week, and on each model."""

    name: str
    session: str
    points: Estimate
    on: tuple[tuple[str, Estimate], ...]


class WhatIfTable(NamedTuple):
    """All rows, the present way of working first; empty with `why_not`. `sessions` are the largest of the week, or the one that
    was asked for."""

    account: int
    used: float | None
    resets_at: int | None
    rows: tuple[MixRow, ...]
    sessions: tuple[SessionRow, ...]
    window_points: Estimate | None
    days: float
    at: int
    fit: float = 1.0
    why_not: str = ""

    @property
    def as_is(self) -> MixRow | None:
        return self.rows[0] if self.rows else None

    @property
    def singles(self) -> tuple[MixRow, ...]:
        """The rows of one model each."""
        return tuple(row for row in self.rows if len(row.shares) == 1)


def what_if_table(
    db: sqlite3.Connection, book: PriceBook, account: NowAccount, at: int, state: LearnedState | None = None
) -> WhatIfTable:
    """Every model in use, the newest of each family, and mixes of them."""
    found = what_if.basis(db, book, account, at, state)
    base = WhatIfTable(
        account.id, found.used, found.resets_at, (), (), found.why.window_points, found.state.days, at, found.state.fit,
        found.why_not,
    )  # fmt: skip
    if found.why_not:
        return base
    used = models_in_use(found)
    ratios = {
        model: what_if.on_model(book, found.state, found.tokens, found.before, model, at)
        for model in _with_newest(book, used)
    }

    def row(*shares: tuple[str, float]) -> MixRow:
        this_week, next_week = what_if.ends(found, [(share, ratios[model]) for model, share in shares])
        return MixRow(shares, this_week, next_week, all(model in used for model, _ in shares))

    ordered = sorted(ratios, key=lambda model: -ratios[model].value)[:_MODELS]
    rows = [row(), *(row((model, 1.0)) for model in ordered)]
    rows += [row(*mix) for mix in _mixes(used, ratios)]
    largest = _sessions(db, book, found, found.why, at, None, ordered)
    return base._replace(rows=tuple(rows), sessions=largest)


def session_table(
    db: sqlite3.Connection,
    book: PriceBook,
    account: NowAccount,
    at: int,
    session: str,
    state: LearnedState | None = None,
) -> WhatIfTable:
    """One session (its whole id) on every model, in the last week of the limit that it worked in; without rows of whole
    weeks, and without a row of its own where nothing is learned of that week."""
    found = what_if.basis(db, book, account, at, state)
    why = _week_of(db, book, account, at, session, found)
    base = WhatIfTable(
        account.id, found.used, found.resets_at, (), (), found.why.window_points, found.state.days, at, found.state.fit,
        found.why_not if found.why_not != NO_WORK else "",
    )  # fmt: skip
    if base.why_not or why is None or found.state.learned.weights is None:
        return base
    if why.method != LEARNED:
        return base._replace(why_not=NO_WEIGHTS if why.method != LITTLE else LITTLE)
    models = _with_newest(book, models_in_use(found))
    return base._replace(sessions=_sessions(db, book, found, why, at, session, models))


def _week_of(
    db: sqlite3.Connection, book: PriceBook, account: NowAccount, at: int, session: str, found: Basis
) -> Attribution | None:
    """Attribution of the last week of the limit in which a session worked; None if no week is known to hold it."""
    id = sessions.session_ids(db, [session]).get(session)
    last_at = None if id is None else sessions.facts(db, [id])[id].last_at
    if last_at is None:
        return None
    resets = [reset for reset in all_resets(db, account.id, SEVEN_DAY, at) if reset >= last_at]
    if not resets:
        return None
    if resets[-1] == found.why.resets_at:
        return found.why
    return attribution(db, book, account, at, SEVEN_DAY, 0, found.state, resets[-1])


def models_in_use(found: Basis) -> list[str]:
    """Models of the last seven days, the one that used most of the limit first."""
    weight = found.state.learned.weights
    if weight is None:
        return []
    made = points(weight, found.before)
    whole = sum(made.values()) or 1.0
    return [model for model in sorted(made, key=lambda model: -made[model]) if made[model] >= _LEAST * whole]


def _with_newest(book: PriceBook, used: Sequence[str]) -> list[str]:
    """Models in use, and the newest of each family that is not among them. The price book lists newer ones first."""
    made = list(used)
    for family in _FAMILIES:
        if not any(family in model for model in used):
            newest = next((entry.names[0] for entry in book.entries() if family in entry.names[0]), None)
            made += [newest] if newest else []
    return made


def _mixes(used: Sequence[str], ratios: dict[str, Ratio]) -> Iterable[tuple[tuple[str, float], tuple[str, float]]]:
    """The heavier of the two models used most for a part of the work, and for the rest the lighter one used most, or the
    model of the family that is meant for everyday work."""
    if not used:
        return
    top = max(used[:2], key=lambda model: ratios[model].value)
    lighter = [model for model in (*used, *ratios) if ratios[model].value < 0.9 * ratios[top].value]
    everyday = [model for model in lighter if _EVERYDAY in model]
    for model in dict.fromkeys([*lighter[:1], *everyday[:1]]):
        for share in _MIXES:
            yield (top, share), (model, 1 - share)


def _sessions(
    db: sqlite3.Connection,
    book: PriceBook,
    found: Basis,
    why: Attribution,
    at: int,
    session: str | None,
    models: Sequence[str],
) -> tuple[SessionRow, ...]:
    """Sessions of a week on each model: the largest, or one by its id."""
    parts = [part for part in why.by_session if part.points is not None and (session is None or part.full == session)]
    parts = parts[:_SESSIONS]
    if not parts or why.since is None:
        return ()
    until = min(at, why.resets_at or at)
    is_running = why is found.why
    work = found.work.between(why.since, until) if is_running else work_for(db, book, why.account, why.since, until)
    ids = sessions.session_ids(db, [part.full for part in parts])
    made = []
    for part in parts:
        places = [place for place, row in enumerate(work.rows) if row.session == ids.get(part.full)]
        before = sum_by_model(Priced("", work.messages[p].model, work.messages[p].dollars) for p in places)
        tokens = what_if.sum_tokens(work.rows[place] for place in places)
        on = tuple(
            (model, _scaled(part.points, what_if.on_model(book, found.state, tokens, before, model, at)))
            for model in models
            if part.points is not None
        )
        if part.points is not None:
            ordered = tuple(sorted(on, key=lambda one: -one[1].value))
            made.append(SessionRow(part.name, part.full, part.points, ordered))
    return tuple(made)


def _scaled(value: Estimate | None, ratio: Ratio) -> Estimate:
    """Points times a ratio, as wide as both."""
    assert value is not None  # noqa: S101 - the caller's condition
    middle = value.value * ratio.value
    wide = Z80 * ratio.sd
    low = (value.value - value.low) / value.value if value.value else 0.0
    high = (value.high - value.value) / value.value if value.value else 0.0
    return Estimate(middle, middle * max(0.0, 1 - (low**2 + wide**2) ** 0.5), middle * (1 + (high**2 + wide**2) ** 0.5))
