"""Attribute a used limit to models, projects, sessions and pull requests, and show the rest that no log explains.

Shares are of what is used of the limit, each with an 80 % interval. They are learned from the account's own readings and
messages (model/estimates); before there is enough to learn from, the answer is the split by list price, under that name. If
the logs explain little of the limit, there is no split.
"""

from collections.abc import Iterable, Mapping

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import NamedTuple
from tachograph.ledger.estimates import training_data as kept
from tachograph.ledger.limits.reading_machines import machine_names
from tachograph.ledger.usage import sessions
from tachograph.model.estimates import attribution as shares
from tachograph.model.estimates import changes, learner, training_windows
from tachograph.model.estimates.attribution import Estimate
from tachograph.model.estimates.learner import Learned
from tachograph.model.estimates.training_windows import FIVE_HOURS
from tachograph.model.limits.limits import FIVE_HOUR, SEVEN_DAY, Share
from tachograph.model.short_paths import short_paths
from tachograph.model.usage.model_names import display_name as shown_model
from tachograph.model.usage.prices import PriceBook
from tachograph.queries.estimates.constants import LEARNED, LIST_PRICE, LITTLE, NOTHING
from tachograph.queries.estimates.learning import (
    ENOUGH_DAYS,
    ENOUGH_DAYS_FIVE,
    ENOUGH_WINDOWS,
    ENOUGH_WINDOWS_FIVE,
    LearnedState,
    Work,
    load,
    plan_changes,
    readings,
    touching,
    work_for,
)
from tachograph.queries.estimates.periods import Period, period, period_of, scoped_period
from tachograph.queries.limits.current import NowAccount
from tachograph.queries.usage.machines import Machines

_SCOPED_MS = 35 * 86_400_000  # of a limit of one model that its scale is learned from
_SCOPED_DAYS = 6  # days with work, before that limit's scale counts as learned
_PER_DOLLAR = 10**12  # parts of a dollar that costs are summed in; prices of a token are multiples of it


class Part(NamedTuple):
    """A row: its short and its full name (model as logged, path, session id, address), its share of the used limit (fractions
    of one), and its points of the limit. Both None if only the split by list price is known: then `list_price` is a
    fraction of the dollars. `machine`: names of the machines that its messages are from, "" while there is only one."""

    name: str
    full: str
    share: Estimate | None
    points: Estimate | None
    list_price: float | None
    machine: str = ""


class Measured(NamedTuple):
    """A limit that the service itself counts for one model, in percent of that limit."""

    label: str
    percent: float | None
    resets_at: int | None


class Evidence(NamedTuple):
    """Evidence for an answer: `windows` and `days` that were learned from, windows being days of the week if `by_days`;
    `messages` of this machine in the period; `unattributed` messages of unknown accounts and `unpriced` models, both left
    out. `changed_at`, `changed_by`: when work began to cost another number of points, and by what factor (None: no sign of
    it). `larger_at`, `larger_by`: the same for a 5-hour window as a part of the week. `fit`: share of the latest readings
    that the logs explain."""

    windows: int
    days: float
    needed_windows: int
    needed_days: float
    messages: int
    unattributed: int
    unpriced: tuple[str, ...]
    changed_at: int | None = None
    changed_by: float | None = None
    by_days: bool = False
    fit: float = 1.0
    larger_at: int | None = None
    larger_by: float | None = None


class Attribution(NamedTuple):
    """`method`: LEARNED; LIST_PRICE (too little to learn from: `by_*` hold fractions of the dollars); LITTLE (the logs explain
    too little for a split: `by_*` are empty); NOTHING (no reading, or no message in the period). `used` percent of the limit
    at `used_at` (epoch ms); `since` and `resets_at` bound it. `unexplained`: share of the used limit that this machine's logs
    do not explain; None unless LEARNED. `window_points`: percent of the week that one full 5-hour window costs, None if
    unknown. Parts are ordered by size. `weeks`: how many windows the answer covers. `machines`: the
    number of machines that the logs are of; `by_machine` is empty while it is 1."""

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
    weeks: int = 1
    machines: int = 1
    by_machine: tuple[Part, ...] = ()


def attribution(
    db: sqlite3.Connection,
    book: PriceBook,
    account: NowAccount,
    at: int,
    limit: str = SEVEN_DAY,
    back: int = 0,
    state: LearnedState | None = None,
    resets_at: int | None = None,
    all_work: Work | None = None,
) -> Attribution:
    """Attribution of a limit of an account: of its running window (`back` 0), of one that many windows before, or of the one
    that resets at a moment.

    `limit`: FIVE_HOUR, SEVEN_DAY or the key of a week of one model. `state`: learned weights, if the caller has them;
    `all_work`: its messages up to `at` and from before the window on, if it has those.
    """
    state = load(db, book, account.id, at) if state is None else state
    scoped = next((one for one in account.limits if one.key == limit and one.key not in (FIVE_HOUR, SEVEN_DAY)), None)
    if resets_at is not None:
        asked = period_of(db, account.id, at, limit, resets_at)
    else:
        asked = period(db, account.id, at, limit, back) if scoped is None else scoped_period(scoped)
    measured = tuple(
        Measured(one.label, one.percent, one.resets_at)
        for one in account.limits
        if one.group == "weekly" and one.key != SEVEN_DAY
    )
    is_running = back == 0 and resets_at is None
    base = Attribution(
        account.id,
        account.label,
        limit,
        NOTHING,
        None if asked is None else asked.used,
        None if asked is None else int(asked.used_at * 1000),
        None if asked is None else int(asked.since * 1000),
        None if asked is None else int(asked.reset * 1000),
        at,
        (),
        (),
        (),
        (),
        None,
        _evidence(state, limit, 0, 0, ()),
        tuple(one for one in measured if is_running and (scoped is None or one.label == scoped.label))
        if limit != FIVE_HOUR
        else (),
        account.breakdown if is_running and limit == SEVEN_DAY else (),
        _window_points(state),
        machines=len(set(machine_names(db)) - {""}) or 1,
    )
    if asked is None:
        return base
    until = min(at, int(asked.reset * 1000))
    first = int((asked.since - FIVE_HOURS) * 1000)
    work = work_for(db, book, account.id, first, until) if all_work is None else all_work.between(first, until)
    if scoped is not None:
        work = _of_model(work, scoped.scope or scoped.label)
    inside = [place for place, message in enumerate(work.messages) if message.at > asked.since]
    unattributed = kept.messages_in(db, 0, int(asked.since * 1000), until)
    base = base._replace(evidence=_evidence(state, limit, len(inside), unattributed, work.unpriced))
    if not inside or account.id == 0:
        return base
    if scoped is None and state.explains_little:
        return base._replace(method=LITTLE)
    answer = None
    if scoped is not None:
        learned = _scoped_weights(db, book, state, limit, scoped.scope or scoped.label, at)
        if learned is not None:
            answer = period_shares(db, learned, account.id, work, asked, limit, until)
        elif state.is_enough() and state.learned.weights is not None:
            works = [training_windows.work_of(work.messages[place]) for place in inside]
            own = shares.own_part(state.learned.weights, works)
            return _rows(db, base, work, inside, own, asked.used)._replace(unexplained=None)
    elif state.is_enough(limit):
        answer = period_shares(db, state.learned, account.id, work, asked, limit, until)
    return _rows(db, base, work, inside, answer, asked.used)


def period_shares(
    db: sqlite3.Connection, learned: Learned, account: int, work: Work, asked: Period, limit: str, until: int
) -> shares.Shares | None:
    """Shares of a period by learned weights; None if they cannot tell."""
    first = asked.since - FIVE_HOURS
    seen = [reading for reading in asked.readings if reading.at >= first]
    if not asked.readings:
        seen = readings(db, account, int(first * 1000), until, SEVEN_DAY if limit == FIVE_HOUR else limit)
    breaks = [event.at for event in plan_changes(db, account)]
    if limit == FIVE_HOUR:
        found = training_windows.windows(work.messages, seen, breaks)
        mine = [window for window in found if training_windows.same(window.reset, asked.reset)]
        return shares.five_hours(learned, mine[0].until(until / 1000), asked.used, asked.used_at) if mine else None
    by_days = learned.weights is learned.week
    put_together = training_windows.week_days if by_days else training_windows.windows
    made = put_together(work.messages, seen, breaks)
    mine = touching(made, asked.since, until / 1000)
    loose = training_windows.loose_work(work.messages, mine, asked.since)
    return shares.week(learned, mine, asked.used, asked.used_at, asked.since, loose)


def _scoped_weights(
    db: sqlite3.Connection, book: PriceBook, state: LearnedState, limit: str, scope: str, at: int
) -> Learned | None:
    """Weights for a weekly limit of one model, with a scale of its own; None before there is enough to learn from."""
    if state.learned.weights is None:
        return None
    since = at - _SCOPED_MS
    work = _of_model(work_for(db, book, state.account, since, at), scope)
    seen = readings(db, state.account, since, at, limit)
    plans = [event for event in plan_changes(db, state.account) if event.at > since / 1000]
    days = training_windows.week_days(work.messages, seen, [event.at for event in plans])
    data = learner.TrainingData((), days, seen, plans)
    learned, _ = learner.advance(learner.begin_scoped(state.learned), data, at / 1000)
    return learned if learned.week is not None and learned.week.windows >= _SCOPED_DAYS else None


def _of_model(work: Work, scope: str) -> Work:
    """The part of some work that a limit of one model counts: `Opus` is every Opus."""
    word = scope.lower().split(" ")[0]
    places = [place for place, message in enumerate(work.messages) if word in message.model.lower()]
    return Work([work.messages[place] for place in places], [work.rows[place] for place in places], work.unpriced)


def _rows(
    db: sqlite3.Connection,
    base: Attribution,
    work: Work,
    inside: list[int],
    answer: shares.Shares | None,
    used: float,
) -> Attribution:
    """The answer in rows: by model, project, session, pull request and machine."""
    # far fewer than messages; whole numbers, whose sums do not depend on an order, which differs between ledgers
    sums: dict[tuple[int, str, int, int, int], int] = {}
    for place in inside:
        row = work.rows[place]
        group = (row.session, row.model, row.project, row.pull, row.folder)
        sums[group] = sums.get(group, 0) + round(sum(work.messages[place].dollars) * _PER_DOLLAR)
    machine_of = Machines(db).of if base.machines > 1 else lambda folder: ""
    machines: dict[tuple[str, int | str], set[str]] = {}  # of the messages of a part
    of_machine: dict[str, dict[tuple[str, str], int]] = {}
    whole: dict[tuple[str, str], int] = {}
    parts: dict[str, dict[int, dict[tuple[str, str], int]]] = {"project": {}, "session": {}, "pull": {}}
    by_model: dict[str, int] = {}
    for (session, model, project, pull, folder), cost in sums.items():
        key = (str(session), model)
        whole[key] = whole.get(key, 0) + cost
        by_model[model] = by_model.get(model, 0) + cost
        machine = machine_of(folder)
        cell = of_machine.setdefault(machine, {})
        cell[key] = cell.get(key, 0) + cost
        machines.setdefault(("model", model), set()).add(machine)
        for name, id in (("project", project), ("session", session), ("pull", pull)):
            cell = parts[name].setdefault(id, {})
            cell[key] = cell.get(key, 0) + cost
            machines.setdefault((name, id), set()).add(machine)
    total = sum(whole.values())

    def part(name: str, full: str, cells: dict[tuple[str, str], int], on: Iterable[str]) -> Part:
        price, machine = sum(cells.values()) / total if total else 0.0, ", ".join(sorted(on))
        if answer is None:
            return Part(name, full, None, None, price, machine)

        def belongs(session: str, model: str) -> float:
            of = whole.get((session, model), 0)
            return cells.get((session, model), 0) / of if of else 0.0

        share = answer.share(belongs)
        return Part(name, full, share, _in_points(share, used), price, machine)

    def of_model(model: str) -> dict[tuple[str, str], int]:
        return {key: cost for key, cost in whole.items() if key[1] == model}

    models = _by_size(part(shown_model(model), model, of_model(model), machines["model", model]) for model in by_model)
    names = _names(db, parts)
    listed = {
        kind: _by_size(part(*names[kind][id], cells, machines[kind, id]) for id, cells in found.items())
        for kind, found in parts.items()
    }
    several = of_machine if base.machines > 1 else {}
    pulls = listed["pull"] if any(part.full for part in listed["pull"]) else ()
    made = base._replace(
        method=LIST_PRICE if answer is None else LEARNED,
        by_model=models,
        by_project=listed["project"],
        by_session=listed["session"],
        by_pull=pulls,
        by_machine=_by_size(part(machine, machine, cells, (machine,)) for machine, cells in several.items()),
    )
    return made if answer is None else made._replace(unexplained=answer.unexplained)


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


def _by_size(parts: Iterable[Part]) -> tuple[Part, ...]:
    def size(part: Part) -> float:
        return part.share.value if part.share is not None else part.list_price or 0.0

    return tuple(sorted(parts, key=lambda part: (-size(part), part.name)))


def _in_points(share: Estimate, used: float) -> Estimate:
    return Estimate(share.value * used, share.low * used, share.high * used)


def _evidence(state: LearnedState, limit: str, messages: int, unattributed: int, unpriced: tuple[str, ...]) -> Evidence:
    weights, scale = state.learned.weights, state.learned.scale
    at = state.at / 1000
    plan_at = max((one.since for one in weights.changes if one.is_plan), default=0.0) if weights is not None else 0.0
    change = larger = None
    if weights is not None:
        change = changes.lasting([(c.since, c.factor) for c in weights.changes if c.since > plan_at], at)
    if scale is not None:
        larger = changes.lasting(
            [(c.since, c.factor) for c in scale.changes if not c.is_peak and c.since > plan_at], at
        )
    return Evidence(
        state.windows,
        state.days,
        ENOUGH_WINDOWS_FIVE if limit == FIVE_HOUR else ENOUGH_WINDOWS,
        ENOUGH_DAYS_FIVE if limit == FIVE_HOUR else ENOUGH_DAYS,
        messages,
        unattributed,
        unpriced,
        None if change is None else int(change[0] * 1000),
        None if change is None else change[1],
        state.is_by_days,
        state.fit,
        None if larger is None else int(larger[0] * 1000),
        None if larger is None else larger[1],
    )


def _window_points(state: LearnedState) -> Estimate | None:
    scale = state.learned.scale
    if scale is None or scale.seen < 1 or state.learned.five is None or state.is_by_days:
        return None
    wide = 1.2816 * (scale.sd + 0.01)
    return Estimate(100 * scale.plain, 100 * scale.plain * (1 - wide), 100 * scale.plain * (1 + wide))
