"""The exchange of this machine: send what changed, fetch what the person's other machines sent, write it into the ledger.

Every step may be cut off and repeated. Changes leave the ledger's list only after the hub has confirmed them; the cursor
moves only after the facts before it were written.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, NamedTuple

from tachograph import __version__
from tachograph.clock import Clock
from tachograph.errors import TachographError
from tachograph.hub import arrivals, copied, parcels, wire
from tachograph.hub import membership as memberships
from tachograph.hub.arrivals import Arrived
from tachograph.hub.collector import paused_collector
from tachograph.hub.columns import to_columns
from tachograph.hub.folder import FolderTransport, Newest
from tachograph.hub.membership import FOLDER, Membership
from tachograph.hub.sharing import MINE, PersonKey, outgoing
from tachograph.hub.transport import Answer, HttpTransport
from tachograph.hub.wire import SharedFact
from tachograph.lean_sqlite import sqlite3
from tachograph.ledger.exchange import tracking
from tachograph.ledger.exchange.facts import Fact, FactReader
from tachograph.ledger.exchange.tracking import Touched
from tachograph.ledger.storage.connection import Ledger, data_version
from tachograph.model.usage.messages import NO_TIME
from tachograph.paths import Paths
from tachograph.settings import SettingsFollower

_PARCEL = wire.MAX_FACTS  # facts in a push


class Exchanged(NamedTuple):
    """Outcome of an exchange: facts sent and received, and a sentence without an end mark about a problem ("" for none)."""

    sent: int
    received: int
    problem: str = ""


class Exchange:
    """Exchanges of one machine with its hub or folder. Used by one thread."""

    def __init__(self, paths: Paths, clock: Clock, membership: Membership) -> None:
        """Raises TachographError for an address that may not be used."""
        self._paths, self._clock, self.membership = paths, clock, membership
        self._key: PersonKey = membership.person_key
        self._transport = self._connect()
        self._shows_limits = False  # others may see this person's limits, as the hub says
        self._has_forecasts = True  # the hub holds some
        self._is_whole = True  # parcels are sealed as a whole, which hubs and machines of old versions can't read
        self._reader: tuple[int, FactReader] | None = None

    def _connect(self) -> HttpTransport | FolderTransport:
        membership = self.membership
        if membership.is_folder:
            return FolderTransport(membership.url.removeprefix(FOLDER), membership.machine, self._clock)
        return HttpTransport(membership.url, membership.token, membership.certificate)

    def _notice_copy(self) -> None:
        """Go on as a machine of its own where the data folder is a copy of another machine's. Raises TachographError."""
        if copied.is_copied(self.membership, self._paths):
            self._keep(copied.as_another_machine(self.membership, self._paths))
            self.close()
            self._transport = self._connect()
        elif self.membership.place != (now := copied.place(self._paths)):
            self._keep(self.membership._replace(place=now))

    def close(self) -> None:
        if isinstance(self._transport, HttpTransport):
            self._transport.close()

    def run(self, ledger: Ledger, progress: Callable[[int], None] = lambda _: None) -> Exchanged:
        """Push, then pull. Raises LedgerError; every other problem is in the outcome."""
        if self.membership.halted:
            return Exchanged(0, 0, self.membership.halted)
        try:
            self._notice_copy()
            self._prepare(ledger)
            if isinstance(self._transport, FolderTransport):
                self._transport.check()
            sent, problem = self._push(ledger, progress)
            if problem:
                return Exchanged(sent, 0, problem)
            received, problem = self._pull(ledger)
            if not problem:  # a link or login that came may have moved messages of this machine
                again, problem = self._push(ledger, progress)
                sent += again
            if not problem:
                problem = self._share_forecasts(ledger)
        except _Halt as halt:
            self._keep(self.membership._replace(halted=str(halt)))
            return Exchanged(0, 0, str(halt))
        except TachographError as error:
            if error.exit_code == 3:
                raise
            return Exchanged(0, 0, error.message.rstrip("."))
        with ledger.transaction() as db:
            tracking.set_state(db, "exchanged_at", self._clock.now_ms())
        return Exchanged(sent, received, problem)

    def _prepare(self, ledger: Ledger) -> None:
        """Track changes, and notice a ledger that was restored or copied."""
        with ledger.transaction() as db:
            tracking.create(db)
        ledger.accept_schema()
        with ledger.transaction() as db:
            tracking.set_state(db, "machine", self.membership.machine)
            id = tracking.get_state(db, "ledger")
            is_other = id is None or id != self.membership.ledger
            if is_other or tracking.last_revision(db) < self.membership.revision:
                id = tracking.new_ledger_id(db)
                tracking.set_state(db, "files", {})
                self._keep(self.membership._replace(ledger=id, revision=0))

    def _keep(self, membership: Membership) -> None:
        if membership != self.membership:
            self.membership = membership
            memberships.save(self._paths, membership)

    # -- sending

    def _push(self, ledger: Ledger, progress: Callable[[int], None]) -> tuple[int, str]:
        """Send what changed; while one parcel is on its way the next is read. Returns the number of facts and a problem."""
        sent, most, revision, self._reader = 0, _PARCEL, 0, None
        if isinstance(self._transport, FolderTransport):
            self._is_whole = self._transport.reads_parcels()
        with ExitStack() as stack:
            sender: ThreadPoolExecutor | None = None
            on_its_way: tuple[_Parcel, Future[Answer]] | None = None
            while True:
                parcel = self._next_parcel(ledger, most, revision)
                if on_its_way is not None:
                    earlier, future = on_its_way
                    on_its_way = None
                    problem = self._confirm(ledger, earlier, future.result())
                    if problem == _TOO_LARGE and earlier.size > 1:
                        most, revision = max(1, most // 4), earlier.after
                        continue
                    if problem == _AGAIN:
                        most, revision = _PARCEL, 0
                        continue
                    if problem:
                        return sent, problem
                    sent += earlier.size
                    progress(sent)
                if parcel is None:
                    return sent, ""
                if len(parcel.data) > wire.MAX_BYTES and parcel.size > 1:
                    most = max(1, most // 4)
                    continue
                revision = parcel.revisions[-1]
                if sender is None and len(parcel.revisions) < most:  # nothing to read meanwhile
                    future = Future()
                    future.set_result(self._send(parcel))
                else:
                    sender = sender or stack.enter_context(ThreadPoolExecutor(1, "push"))
                    future = sender.submit(self._send, parcel)
                on_its_way = (parcel, future)

    def _next_parcel(self, ledger: Ledger, most: int, after: int) -> "_Parcel | None":
        """The next facts that wait, ready to be sent; None if nothing waits."""
        touched = tracking.oldest(ledger.db, most, after)
        if not touched:
            return None
        with paused_collector():
            size, data = self._pack(ledger, touched)
        return _Parcel([one.revision for one in touched], size, data, after)

    def _pack(self, ledger: Ledger, touched: list[Touched]) -> tuple[int, bytes]:
        """The request with the facts behind changes, and their number; b"" without facts."""
        facts = [fact for fact in self._facts(ledger).read(touched) if self._is_shared(fact)]
        data = b""
        if facts:
            document = {
                "sent_at": self._clock.now_ms(), "version": __version__, "machine": self.membership.machine,
                "ledger": self.membership.ledger, **self._shared(facts),
            }  # fmt: skip
            data = wire.pack(document)
        return len(facts), data

    def _shared(self, facts: list[Fact]) -> dict[str, Any]:
        """Facts at the level of this machine, in the form that the other side can read."""
        level = self.membership.share
        if level == MINE or not self._is_whole:
            return {"facts": to_columns([outgoing(fact, level, self._key) for fact in facts])}
        parcel = parcels.seal(facts, level, self._key)
        return {"parcel": {"facts": to_columns(parcel.facts), "sealed": parcel.sealed}}

    def _facts(self, ledger: Ledger) -> FactReader:
        """Reader of facts with what it remembers of earlier parcels, until another program writes to the ledger."""
        version = data_version(ledger.db)
        if self._reader is None or self._reader[0] != version:
            self._reader = version, FactReader(ledger.db, self.membership.machine)
        return self._reader[1]

    def _send(self, parcel: "_Parcel") -> Answer:
        """Send one parcel. An empty one changes nothing anywhere, so it stays here. Raises TachographError for a folder."""
        if isinstance(self._transport, FolderTransport):
            self._transport.introduce(self.membership.name, self.membership.share, __version__, self._key.check)
            if parcel.data:
                self._transport.push(parcel.data)
            return Answer(200, {})
        return self._transport.push(parcel.data) if parcel.data else Answer(200, {})

    def _confirm(self, ledger: Ledger, parcel: "_Parcel", answer: Answer) -> str:
        """Take the changes that have arrived from the ledger's list; a problem, "" for none."""
        if answer.status == 413 and parcel.size > 1:
            return _TOO_LARGE
        if answer.status == 409:
            with ledger.transaction() as db:
                id = tracking.new_ledger_id(db)
            self._keep(self.membership._replace(ledger=id, revision=0))
            return _AGAIN
        if answer.status == 400 and self._is_whole and self.membership.share != MINE:
            self._is_whole = False  # an old hub finds no facts in it
            return _AGAIN
        if answer.status != 413 and (problem := self._judge(answer)):  # a single fact that is too large is left out
            return problem
        with ledger.transaction() as db:
            self._notice_hub(db, answer)
            tracking.forget(db, parcel.revisions)
        self._keep(self.membership._replace(revision=max(self.membership.revision, parcel.revisions[-1])))
        return ""

    def _is_shared(self, fact: Fact) -> bool:
        """False for a fact from before the moment from which the person shares."""
        since = self.membership.since
        if not since:
            return True
        if fact.kind in (tracking.MESSAGE, tracking.FRAGMENT):
            return bool(since <= fact.body[1] < NO_TIME)
        if fact.kind == tracking.SESSION:
            return "span" in fact.body and fact.body["span"][1] >= since
        if fact.kind == tracking.READING:
            return bool(fact.body["last_at"] >= since)
        return True

    def _judge(self, answer: Answer) -> str:
        """The problem of an answer, "" for none. Raises _Halt where only the person can go on."""
        if answer.is_ok:
            return ""
        if answer.status == 401:
            raise _Halt(
                "the hub does not know this machine any more (revoked, or another hub); run `tachograph join` again"
            )
        if answer.status == 410:
            raise _Halt("everything of you was erased from the hub; run `tachograph leave`")
        return answer.problem or f"the hub answered with status {answer.status}"

    def _notice_hub(self, db: sqlite3.Connection, answer: Answer) -> None:
        """Notice another hub at the address, and one that was restored from an older backup, inside a transaction."""
        if not answer.body:
            return  # a folder
        hub, seq = str(answer.body.get("hub", "")), answer.body.get("seq")
        if self.membership.hub and hub != self.membership.hub:
            raise _Halt("another hub answers at this address; run `tachograph leave`, then join it if you trust it")
        if not isinstance(seq, int):
            return
        known = tracking.get_state(db, "hub_seq", 0)
        if seq == known:
            return
        if seq < known:
            tracking.touch_everything(db)
            tracking.set_state(db, "cursor", 0)
            tracking.set_state(db, "forecasts", None)
        tracking.set_state(db, "hub_seq", seq)

    def _share_forecasts(self, ledger: Ledger) -> str:
        """Send forecasts of the limits to a hub where others may see these; a problem, "" for none."""
        if isinstance(self._transport, FolderTransport):
            return ""
        if not self._shows_limits:
            if tracking.get_state(ledger.db, "forecasts") is not None:
                with ledger.transaction() as db:
                    tracking.set_state(db, "forecasts", None)
            return ""
        from tachograph.hub import forecasts  # the last step alone needs estimates and prices

        settings = SettingsFollower(self._paths.settings)
        settings.refresh()
        now = self._clock.now_ms()
        last = tracking.get_state(ledger.db, "forecasts") if self._has_forecasts else None
        due = forecasts.due(ledger.db, settings.book, now, last)
        if due is None:
            return ""
        document = {
            "sent_at": now, "version": __version__, "machine": self.membership.machine, "ledger": self.membership.ledger,
            "facts": [], "forecasts": due.sent,
        }  # fmt: skip
        if problem := self._judge(self._transport.push(wire.pack(document))):
            return problem
        with ledger.transaction() as db:
            tracking.set_state(db, "forecasts", due)
        return ""

    # -- receiving

    def _pull(self, ledger: Ledger) -> tuple[int, str]:
        if isinstance(self._transport, FolderTransport):
            return self._pull_folder(ledger, self._transport), ""
        received = 0
        while True:
            cursor = tracking.get_state(ledger.db, "cursor", 0)
            answer = self._transport.mine(cursor)
            problem = self._judge(answer)
            if problem:
                return received, problem
            with ledger.transaction() as db:
                self._notice_hub(db, answer)
            self._shows_limits = answer.body.get("shows_limits") is True
            self._has_forecasts = answer.body.get("forecasts") != 0
            if tracking.get_state(ledger.db, "cursor", 0) != cursor:
                return received, ""  # the hub was restored: send everything first
            machines = answer.body.get("machines")
            skews = {str(one["id"]): int(one["skew_ms"]) for one in machines or () if one.get("skew_ms")}
            arrived = arrivals.of_answer(answer.body, self._key)
            received += self._write(ledger, arrived, skews)
            until = int(answer.body.get("until", cursor))
            with ledger.transaction() as db:
                tracking.set_state(db, "cursor", until)
                if isinstance(machines, list):
                    tracking.set_state(db, "machines", machines)
            if not arrived or until <= cursor or until >= int(answer.body.get("seq", until)):
                return received, ""

    def _pull_folder(self, ledger: Ledger, transport: FolderTransport) -> int:
        is_known = tracking.get_state(ledger.db, "format", 1) == wire.FORMAT
        offsets = dict(tracking.get_state(ledger.db, "files", {})) if is_known else {}  # an old version skips parcels
        newest = Newest(tracking.get_state(ledger.db, "newest"))
        received, waiting, skews, now = 0, list[Arrived](), dict[str, int](), self._clock.now_ms()

        def write() -> None:
            nonlocal received
            received += self._write(ledger, waiting, skews)
            waiting.clear()
            with ledger.transaction() as db:
                tracking.set_state(db, "files", offsets)
                tracking.set_state(db, "format", wire.FORMAT)
                tracking.set_state(db, "newest", newest.state)

        before = dict(offsets)
        for file, offset, parcel in transport.pull(before):
            offsets[file] = offset
            if parcel is not None and parcel.sender != self.membership.machine:
                skews[parcel.sender] = min(0, now - parcel.sent_at)  # a clock that is fast
                waiting += arrivals.of_folder(parcel, newest, self._key)
            if len(waiting) >= arrivals.AT_ONCE:
                write()
        if waiting or offsets != before:
            write()
        with ledger.transaction() as db:
            tracking.set_state(db, "machines", transport.machines())
        return received

    def _write(self, ledger: Ledger, arrived: list[Arrived], skews: dict[str, int]) -> int:
        return arrivals.write(ledger, self.membership.machine, arrived, skews, self._key, self._clock.now_ms())


class _Parcel(NamedTuple):
    """Changes on their way: their numbers, the number of facts (`size`), and the packed request. `after`: number before them."""

    revisions: list[int]
    size: int
    data: bytes
    after: int


class _Halt(Exception):
    """Nothing more is exchanged until the person decides; the message says why."""


_TOO_LARGE, _AGAIN = "too large", "again"


def shared_preview(facts: list[Fact], level: str, key: PersonKey) -> tuple[list[SharedFact], str]:
    """Facts exactly as they would leave, and what seals their rest; "" at the level `mine`."""
    if level == MINE:
        return [outgoing(fact, level, key) for fact in facts], ""
    return parcels.seal(facts, level, key)
