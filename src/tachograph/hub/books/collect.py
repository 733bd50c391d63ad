"""Read Anthropic's reports into the hub: days that are over, each once, asked for once a day.

Rows of a day are added up before they are stored: a member is named only if an owner noted the e-mail address and the member
agreed to it; all others are put together into sums of enough people, as everywhere in the hub (`policy/atoms.py`).
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from tachograph.clock import Clock
from tachograph.hub.books.reports import ActorUse, Ask, Unavailable, billed_by_day, use_of_day
from tachograph.hub.policy.atoms import OTHERS, Cell, Sums, cut
from tachograph.hub.policy.visibility import BOOKS, SELF, audience, least_people
from tachograph.hub.store import HubStore
from tachograph.hub.store.books import REST, BookDay, BookStore, BookSum
from tachograph.hub.store.messages import DAY_MS, Words
from tachograph.hub.team.people import POLICY

BACK_DAYS = 30  # days that are asked for at most
SETTLED_MS = 6 * 3_600_000  # a day is complete this long after its end; Anthropic names an hour
EVERY_MS, FIRST_WAIT_MS = DAY_MS, 15 * 60_000


class Outcome(NamedTuple):
    """Days that were stored, and the problem that ended it, "" for none."""

    days: int
    problem: str = ""
    retry_after_seconds: int | None = None


class Collector:
    """Asks and stores. Raises LedgerError."""

    def __init__(self, store: HubStore, ask: Ask, clock: Clock) -> None:
        self._store, self._ask, self._clock, self._books = store, ask, clock, BookStore(store)
        self._failures = 0

    def run_if_due(self) -> Outcome | None:
        """Ask if a day has passed since the last time, or the wait after a failure; None otherwise."""
        now = self._clock.now_ms()
        if not self._store.is_writable or not self._books.claim(now, now + FIRST_WAIT_MS):
            return None
        done = self.run()
        self._failures = self._failures + 1 if done.problem else 0
        wait = min(EVERY_MS, FIRST_WAIT_MS * 2 ** (self._failures - 1)) if done.problem else EVERY_MS
        self._books.wait(now + max(wait, (done.retry_after_seconds or 0) * 1000))
        return done

    def run(self) -> Outcome:
        """Read every complete day that is missing, the newest first."""
        now, stored = self._clock.now_ms(), 0
        last = (now - SETTLED_MS) // DAY_MS - 1
        first = last - BACK_DAYS + 1
        try:
            known = {day.day for day in self._books.days(first, last)}
            for day in range(last, first - 1, -1):
                if day not in known:
                    self._store_day(day, *use_of_day(self._ask, day), now)
                    stored += 1
            self._store_billed(first, last)
        except Unavailable as error:
            self._books.note(now, str(error))
            return Outcome(stored, str(error), error.retry_after_seconds)
        self._books.note(now, "")
        return Outcome(stored)

    def _store_day(self, day: int, uses: Collection[ActorUse], refused: int, now: int) -> None:
        with self._store.transaction():
            sums, people, left_out = self._sums(day, uses)
            found = BookDay(day, now, people, left_out, refused, None)
            self._books.put(found, sums, sorted({use.model for use in uses}))

    def _sums(self, day: int, uses: Collection[ActorUse]) -> tuple[list[BookSum], int, int]:
        """Sums of a day, the number of persons in them, and the number of persons and keys that are in none."""
        named, emails = named_members(self._store), self._books.emails()
        of_member: dict[tuple[int, int], Sums] = {}
        cells: dict[Cell, dict[int, Sums]] = {}
        numbers: dict[str, int] = {}
        keys: dict[tuple[str, int], Sums] = {}
        for use in uses:
            sums = Sums(0, use.tokens, use.cost or 0, int(use.cost is None))
            model = Words.number("model", use.model)
            member = emails.get(self._books.mark(use.actor)) if use.is_person else None
            if member is not None and member in named:
                of_member[member, model] = of_member.get((member, model), Sums()) + sums
            elif use.is_person:
                people = cells.setdefault(Cell(0, 0, model), {})
                number = numbers.setdefault(use.actor, len(numbers))
                people[number] = people.get(number, Sums()) + sums
            else:
                keys[use.actor, model] = keys.get((use.actor, model), Sums()) + sums
        found = [BookSum(day, member, model, 1, sums) for (member, model), sums in sorted(of_member.items())]
        members, rest = len({row.member for row in found}), cut(cells, self._least())
        if not rest:
            return found, members, len(numbers) + len({actor for actor, _ in keys})
        by_model = {atom.cell.model: BookSum(day, REST, atom.cell.model, len(atom.parts), atom.sums) for atom in rest}
        for (_, model), sums in sorted(keys.items()):
            _add_key(by_model, model, sums)
        return [*found, *by_model.values()], members + len(numbers), 0

    def _least(self) -> int:
        return least_people(sum(member.is_present for member in self._store.members()))

    def _store_billed(self, first: int, last: int) -> None:
        """Add the organization's cost to days on which all persons are in a sum: otherwise the difference would show the rest."""
        wanted = {day.day for day in self._books.days(first, last) if day.billed is None and not day.left_out}
        if not wanted:
            return
        found: Mapping[int, int | None] = billed_by_day(self._ask, min(wanted), max(wanted))
        with self._store.transaction():
            for day in wanted:
                billed = found.get(day)
                if billed is not None:
                    self._books.set_billed(day, billed)


def named_members(store: HubStore) -> set[int]:
    """Members who agreed that managers, or all, may see them in Anthropic's reports, if the policy allows it too."""
    policy, choices = store.setting(POLICY, SELF), store.consents().get(BOOKS, {})
    return {one.id for one in store.members() if one.is_present and audience(policy, choices, one.id) != SELF}


def _add_key(by_model: dict[int, BookSum], model: int, sums: Sums) -> None:
    """Add the use of an API key, which may be one person's, to a sum of enough persons: of its model, or of several."""
    if model not in by_model and OTHERS not in by_model:
        smallest = min(by_model.values(), key=lambda row: (row.people, row.sums.tokens))
        del by_model[smallest.model]
        by_model[OTHERS] = smallest._replace(model=OTHERS)
    place = model if model in by_model else OTHERS
    by_model[place] = by_model[place]._replace(sums=by_model[place].sums + sums)
