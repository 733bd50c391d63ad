"""Which model, project, session or pull request used up a limit, and how much of it this machine cannot explain.

Shares are of what is used of the limit, each with an 80 % interval. They are learned from the account's own readings
and messages (model/estimates/weights.py); before there is enough to learn from, the answer is the split by list price, under that
name. Where the service itself reports a limit for one model, or what went to which product, that is given as measured.
"""

import sqlite3
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from tachograph.ledger.estimates import training_data as kept_quota
from tachograph.ledger.limits import windows as kept_windows
from tachograph.ledger.usage import sessions
from tachograph.model.estimates import attribution as shares
from tachograph.model.estimates import training_windows
from tachograph.model.estimates.attribution import Estimate
from tachograph.model.estimates.training_windows import FIVE_HOURS, WEEK
from tachograph.model.limits.limits import FIVE_HOUR, SEVEN_DAY, Share
from tachograph.model.short_paths import short_paths
from tachograph.model.usage.prices import PriceBook
from tachograph.model.usage.prices import display_name as shown_model
from tachograph.queries.estimates.constants import LEARNED, LIST_PRICE, NOTHING
from tachograph.queries.estimates.learning import (
    ENOUGH_DAYS,
    ENOUGH_WINDOWS,
    Known,
    Work,
    known,
    readings,
    touching,
    worked,
)
from tachograph.queries.limits.current import Now, NowAccount, NowLimit


class Part(NamedTuple):
    """A row: what it is called, its full name (model as logged, path, session id, address), its share of what is used
    (fractions of one), and its points of the limit. None where only the split by list price is known: then `list_price`
    says it, a fraction of the dollars."""

    name: str
    full: str
    share: Estimate | None
    points: Estimate | None
    list_price: float | None


class Measured(NamedTuple):
    """A limit that the service itself counts for one model, in percent of that limit."""

    label: str
    percent: float | None
    resets_at: int | None


class Evidence(NamedTuple):
    """What an answer rests on. `windows` and `days` that were learned from; `messages` of this machine in the stretch,
    `nobodys` among all that no account is known for (left out), `unpriced` models without a price (left out).
    `since`: when the account's points per dollar last changed, and by what factor; epoch ms, None: never, as far as is
    known."""

    windows: int
    days: float
    needed_windows: int
    needed_days: float
    messages: int
    nobodys: int
    unpriced: tuple[str, ...]
    changed_at: int | None = None
    changed_by: float | None = None


class Attribution(NamedTuple):
    """`method`: LEARNED; LIST_PRICE (too little to learn from: `by_*` hold fractions of the dollars); NOTHING (no reading
    or no message in the stretch). `used` percent of the limit at `used_at` (epoch ms); `since` and `resets_at` bound it.
    `unexplained`: share of what is used that this machine's logs do not explain; None unless LEARNED. `window_points`:
    percent of the week that one full 5-hour window costs, None where unknown. Parts are ordered by size."""

    account: int
    label: str
    limit: str
    method: str
    used: float | None
    used_at: int | None
    since: int | None
    resets_at: int | None
    at: int
    by_model: tuple[Part, ...]
    by_project: tuple[Part, ...]
    by_session: tuple[Part, ...]
    by_pull: tuple[Part, ...]
    unexplained: Estimate | None
    evidence: Evidence
    measured: tuple[Measured, ...] = ()
    breakdown: tuple[Share, ...] = ()
    window_points: Estimate | None = None


class _Stretch(NamedTuple):
    """Which stretch is asked about: its bounds in epoch seconds, and what was used in it when it was last read."""

    since: float
    reset: float
    used: float
    used_at: float


def attribution(
    db: sqlite3.Connection,
    book: PriceBook,
    account: NowAccount,
    at: int,
    limit: str = SEVEN_DAY,
    back: int = 0,
    found: Known | None = None,
) -> Attribution:
    """Whose a limit of an account is: the running window of it (`back` 0), or the one so many before it.

    `limit`: FIVE_HOUR, SEVEN_DAY or the key of a week of one model: that is measured by the service, and only this machine's
    part of it is split further. `found`: what is known of the account, where the caller has it.
    """
    found = known(db, book, account.id, at) if found is None else found
    scoped = next((one for one in account.limits if one.key == limit and one.key not in (FIVE_HOUR, SEVEN_DAY)), None)
    stretch = _stretch(db, account.id, at, limit, back) if scoped is None else _scoped(scoped)
    measured = tuple(
        Measured(one.label, one.percent, one.resets_at)
        for one in account.limits
        if one.group == "weekly" and one.key != SEVEN_DAY
    )
    is_running = back == 0
    base = Attribution(
        account.id,
        account.label,
        limit,
        NOTHING,
        None if stretch is None else stretch.used,
        None if stretch is None else int(stretch.used_at * 1000),
        None if stretch is None else int(stretch.since * 1000),
        None if stretch is None else int(stretch.reset * 1000),
        at,
        (),
        (),
        (),
        (),
        None,
        _evidence(found, 0, 0, ()),
        tuple(one for one in measured if is_running and (scoped is None or one.label == scoped.label))
        if limit != FIVE_HOUR
        else (),
        account.breakdown if is_running and limit == SEVEN_DAY else (),
        _window_points(found),
    )
    if stretch is None:
        return base
    until = min(at, int(stretch.reset * 1000))
    work = worked(db, book, account.id, int((stretch.since - FIVE_HOURS) * 1000), until)
    inside = [
        place
        for place, message in enumerate(work.messages)
        if message.at > stretch.since and (scoped is None or _is_of(message.model, scoped.scope or scoped.label))
    ]
    nobodys = kept_quota.messages_in(db, 0, int(stretch.since * 1000), until)
    base = base._replace(evidence=_evidence(found, len(inside), nobodys, work.unpriced))
    if not inside or account.id == 0:
        return base
    if scoped is None:
        answer = _learned(db, found, work, stretch, limit, until) if found.is_enough else None
        return _told(db, base, work, inside, answer, stretch.used)
    week = _stretch(db, account.id, at, SEVEN_DAY, 0)
    answer = _learned(db, found, work, week, SEVEN_DAY, until) if found.is_enough and week is not None else None
    return _inside(_told(db, base, work, inside, answer, stretch.used))


def _learned(
    db: sqlite3.Connection, found: Known, work: Work, stretch: _Stretch, limit: str, until: int
) -> shares.Shares | None:
    weights = found.weights
    if weights is None:
        return None
    said = readings(db, found.account, int((stretch.since - FIVE_HOURS) * 1000), until)
    windows = training_windows.windows(work.messages, said)
    if limit == FIVE_HOUR:
        mine = [window for window in windows if training_windows.same(window.reset, stretch.reset)]
        return shares.five_hours(weights, mine[0].until(until / 1000), stretch.used, stretch.used_at) if mine else None
    mine = touching(windows, stretch.since, until / 1000)
    ends = sorted((window.start, window.reset) for window in mine)
    loose = [
        training_windows.Work(message.session, message.model, message.dollars)
        for message in work.messages
        if message.at > stretch.since and not any(start - 60 <= message.at < reset for start, reset in ends)
    ]
    return shares.week(weights, mine, stretch.used, stretch.used_at, stretch.since, loose)


def _told(
    db: sqlite3.Connection,
    base: Attribution,
    work: Work,
    inside: list[int],
    answer: shares.Shares | None,
    used: float,
) -> Attribution:
    """The answer in rows: by model, and by whatever else a message belongs to."""
    rows = [(work.messages[place], work.rows[place]) for place in inside]
    whole: dict[tuple[str, str], float] = {}
    parts: dict[str, dict[int, dict[tuple[str, str], float]]] = {"project": {}, "session": {}, "pull": {}}
    by_model: dict[str, float] = {}
    for message, row in rows:
        cost, key = sum(message.dollars), (message.session, message.model)
        whole[key] = whole.get(key, 0.0) + cost
        by_model[message.model] = by_model.get(message.model, 0.0) + cost
        for name, id in (("project", row.project), ("session", row.session), ("pull", row.pull)):
            cell = parts[name].setdefault(id, {})
            cell[key] = cell.get(key, 0.0) + cost
    total = sum(whole.values())

    def part(name: str, full: str, cells: dict[tuple[str, str], float]) -> Part:
        price = sum(cells.values()) / total if total else 0.0
        if answer is None:
            return Part(name, full, None, None, price)

        def belongs(session: str, model: str) -> float:
            of = whole.get((session, model), 0.0)
            return cells.get((session, model), 0.0) / of if of else 0.0

        share = answer.share(belongs)
        return Part(name, full, share, _scaled(share, used), price)

    def of_model(model: str) -> dict[tuple[str, str], float]:
        return {key: cost for key, cost in whole.items() if key[1] == model}

    models = _sorted(part(shown_model(model), model, of_model(model)) for model in by_model)
    names = _names(db, parts)
    listed = {
        kind: _sorted(part(*names[kind][id], cells) for id, cells in found.items()) for kind, found in parts.items()
    }
    pulls = listed["pull"] if any(part.full for part in listed["pull"]) else ()
    made = base._replace(
        method=LIST_PRICE if answer is None else LEARNED,
        by_model=models,
        by_project=listed["project"],
        by_session=listed["session"],
        by_pull=pulls,
    )
    return made if answer is None else made._replace(unexplained=answer.unexplained)


def _scoped(limit: NowLimit) -> _Stretch | None:
    """The running week of one model, as it was read last."""
    if limit.percent is None or limit.resets_at is None:
        return None
    reset = limit.resets_at / 1000
    return _Stretch(reset - WEEK, reset, limit.percent, limit.observed_at / 1000)


def _is_of(model: str, scope: str) -> bool:
    """Whether a model is what a weekly limit is narrowed to: `Opus` is every Opus."""
    return scope.lower().split(" ")[0] in model.lower()


def _inside(found: Attribution) -> Attribution:
    """Shares of this machine's part of a limit that the service measures: together they are the whole of that part."""
    whole = sum(part.share.value for part in found.by_model if part.share is not None)

    def scaled(parts: tuple[Part, ...]) -> tuple[Part, ...]:
        if whole <= 0:
            return parts
        made = []
        for part in parts:
            if part.share is None:
                made.append(part)
                continue
            low, high = part.share.low / whole, min(1.0, part.share.high / whole)
            made.append(part._replace(share=Estimate(part.share.value / whole, low, high), points=None))
        return tuple(made)

    return found._replace(
        by_model=scaled(found.by_model),
        by_project=scaled(found.by_project),
        by_session=scaled(found.by_session),
        by_pull=scaled(found.by_pull),
        unexplained=None,
    )


def _names(db: sqlite3.Connection, parts: Mapping[str, Mapping[int, object]]) -> dict[str, dict[int, tuple[str, str]]]:
    paths = sessions.names(db, parts["project"])
    short = short_paths(list(paths.values()))
    facts = sessions.facts(db, parts["session"])
    pulls = sessions.pulls(db, parts["pull"])
    return {
        "project": {id: (short[path] or "unknown", path) for id, path in paths.items()},
        "session": {id: (fact.title or fact.uuid[:8] or "unknown", fact.uuid) for id, fact in facts.items()},
        "pull": {
            id: ((f"{pull.repository}#{pull.number}" if pull.number else pull.url) or "none", pull.url)
            for id, pull in pulls.items()
        },
    }


def _sorted(parts: Iterable[Part]) -> tuple[Part, ...]:
    def size(part: Part) -> float:
        return part.share.value if part.share is not None else part.list_price or 0.0

    return tuple(sorted(parts, key=lambda part: (-size(part), part.name)))


def _scaled(share: Estimate, used: float) -> Estimate:
    return Estimate(share.value * used, share.low * used, share.high * used)


def _evidence(found: Known, messages: int, nobodys: int, unpriced: tuple[str, ...]) -> Evidence:
    regime = found.weights.regimes[-1] if found.weights is not None and found.weights.regimes else None
    return Evidence(
        found.windows,
        found.days,
        ENOUGH_WINDOWS,
        ENOUGH_DAYS,
        messages,
        nobodys,
        unpriced,
        None if regime is None else int(regime.since * 1000),
        None if regime is None else regime.factor,
    )


def _window_points(found: Known) -> Estimate | None:
    if found.weights is None or (value := found.weights.week_per_window) is None:
        return None
    wide = 1.2816 * found.weights.week_per_window_sd
    return Estimate(100 * value, 100 * value * (1 - wide), 100 * value * (1 + wide))


def _stretch(db: sqlite3.Connection, account: int, at: int, limit: str, back: int) -> _Stretch | None:
    """The window of a limit that is asked about, and what was read of it last."""
    length = FIVE_HOURS if limit == FIVE_HOUR else WEEK
    resets = _resets(db, account, limit, at)
    is_running = bool(resets) and resets[0] > at
    place = back if is_running else back - 1  # where none runs, the last one is the one before it
    if not 0 <= place < len(resets):
        return None
    reset = resets[place] / 1000
    until = min(at, int(reset * 1000))
    said = readings(db, account, int((reset - length) * 1000), until)
    if limit == FIVE_HOUR:
        known_there = [
            (r.five, r.at) for r in said if r.five is not None and training_windows.same(r.five_reset, reset)
        ]
    else:
        known_there = [
            (r.week, r.at) for r in said if r.week is not None and training_windows.same(r.week_reset, reset)
        ]
    if not known_there:
        return None
    used, used_at = known_there[-1]
    return _Stretch(reset - length, reset, used, used_at)


def _resets(db: sqlite3.Connection, account: int, limit: str, at: int) -> list[int]:
    """The resets of a limit's windows that had begun at a moment, newest first."""
    length = (FIVE_HOURS if limit == FIVE_HOUR else WEEK) * 1000
    made: list[int] = []
    for window in kept_windows.known_resets(db, account, limit):
        if window - length <= at and not (made and made[-1] - window < 600_000):
            made.append(window)
    return made


def leading(now: Now) -> NowAccount | None:
    """The account that is spoken of where none is named: the leading one that somebody is known for."""
    return next((account for account in now.accounts if account.id), now.accounts[0] if now.accounts else None)
