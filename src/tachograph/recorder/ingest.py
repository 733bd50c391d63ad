"""One pass from the transcripts to the ledger: find what changed, read it, write it. It may be cut off anywhere.

Rows and the offsets that they come from are committed together, a few batches of files at a time; a pass that is killed
loses at most those that it was writing, and the next pass reads them again.
"""

from __future__ import annotations

import os

from tachograph.clock import filesystem_now_ns
from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import TYPE_CHECKING, Callable, Mapping, NamedTuple
from tachograph.ledger.limits import accounts
from tachograph.ledger.storage.connection import Ledger, bulk, data_version
from tachograph.ledger.storage.preferences import get_preference, set_preference
from tachograph.ledger.usage import files, rereading_states
from tachograph.ledger.usage.project_settings import ALIASES, DEFAULT_BRANCHES, settings_text
from tachograph.ledger.usage.strings import Strings, storable
from tachograph.paths import own_paths
from tachograph.settings import load
from tachograph.sources import claude_config
from tachograph.sources.transcripts import discover
from tachograph.sources.transcripts.discover import Discovery
from tachograph.sources.transcripts.file_state import FileState, Signature

if TYPE_CHECKING:
    from tachograph.ledger.usage import batches
    from tachograph.ledger.usage.account_of import Logins
    from tachograph.ledger.usage.message_attributes import MessageAttributes
    from tachograph.model.usage.plain_messages import Identities
    from tachograph.recorder.workers import Deliveries

_WORTH_A_CHECKPOINT = 48 << 20  # bytes read in a pass
_MOST_LATE_FILES = 200  # transcripts with answers after a refusal, in one pass
Progress = Callable[[int, int], None]  # bytes read, bytes to read


class Pass(NamedTuple):
    """One pass: numbers, and the files and folders that it looked at."""

    transcripts: int  # that there are
    read: int  # that had something new
    found: Discovery
    known: Mapping[bytes, Signature]  # of the transcripts before
    folders: list[str]  # config folders that were looked into
    counted: list[str]  # config folders of which a transcript was ever read


def ingest(
    ledger: Ledger,
    env: Mapping[str, str],
    now_ms: int,
    progress: Progress | None = None,
) -> Pass:
    """Bring the ledger up to date with the transcripts. Raises LedgerError; a bad file or line never stops it.

    The settings name more config folders, and aliases of projects.
    """
    db = ledger.db
    settings = load(own_paths(env).settings)
    counted = files.folders(db)
    folders = discover.folders(env, counted)
    known_files = files.signatures(db)
    found = discover.transcripts(folders, known_files, files.directories(db), filesystem_now_ns())
    changed, gone = found.changed, found.gone
    noted = files.noted_errors(db)
    listed = {path for path, _, _ in found.unreadable}
    if noted:  # what cannot be opened still is no news; a folder that opens again is done with
        changed = [known for known in changed if known.path not in noted or os.access(known.path, os.R_OK)]
        gone = [path for path in gone if path not in listed]
        gone += [path for path in noted - listed if os.path.isdir(path)]
    signatures = {folder: repr(claude_config.identity_signature(folder, env)) for folder in folders}
    if any(known_files.get(known.path, (0, 0, -1))[:3] == known[2:5] for known in changed):
        changed = _without_touched(ledger, env, changed)
    left = rereading_states.states(db)
    is_new_login = not _by_stored_name(signatures).items() <= accounts.glances(db).items()
    if changed or gone or left or listed - noted or is_new_login:
        with bulk(ledger, is_first=not known_files):
            deliveries = _begun(db, changed, now_ms)
            try:
                _read(ledger, found, changed, gone, signatures, env, now_ms, progress, deliveries)
            finally:
                if deliveries is not None:
                    deliveries.close()
    branches = settings_text(settings.default_branches)
    other_branches = branches != get_preference(db, DEFAULT_BRANCHES)
    if other_branches or settings_text(settings.projects) != get_preference(db, ALIASES):
        _resolve_again(ledger, settings.projects, branches if other_branches else None, now_ms)
    return Pass(found.total, len(changed), found, known_files, folders, counted)


def _without_touched(ledger: Ledger, env: Mapping[str, str], changed: list[FileState]) -> list[FileState]:
    """Transcripts that have to be read: those that were only touched get their new times in the ledger."""
    from tachograph.recorder.prepared import touched_transcripts  # only where a file of the same size changed

    touched = touched_transcripts(env, [known.path for known in changed])
    if not touched:
        return changed
    with ledger.transaction() as db:
        files.write_times(db, touched)
    return [known for known in changed if known.path not in touched]


def _by_stored_name(signatures: Mapping[str, str]) -> dict[str, str]:
    """Signatures of identity files by the names that the ledger has for their folders."""
    return {storable(folder): signature for folder, signature in signatures.items()}


def _resolve_again(ledger: Ledger, aliases: Mapping[str, str], branches: str | None, now_ms: int) -> None:
    """Apply other aliases and default branches of projects to everything that was ever counted."""
    from tachograph.ledger.usage import batches, places
    from tachograph.ledger.usage.message_attributes import MessageAttributes
    from tachograph.ledger.usage.writer import MessageWriter

    with ledger.transaction() as db:
        names = Strings(db)
        if branches is not None:
            set_preference(db, DEFAULT_BRANCHES, branches, now_ms)
        if places.resolve(db, names, aliases, now_ms) or branches is not None:
            writer = MessageWriter(db, MessageAttributes(db, names), accounts.logins(db))
            batches.resettle(writer, set(), set(), True)


def _begun(db: sqlite3.Connection, changed: list[FileState], now_ms: int) -> Deliveries | None:
    """Start reading all transcripts, oldest first, if the ledger is empty. None if it is not.

    An empty ledger holds no offsets, so child processes can read while this one still imports the writing modules.
    """
    if files.is_any_known(db):
        return None
    from tachograph.ledger.usage import messages
    from tachograph.recorder.workers import begun

    return begun(changed[::-1], now_ms) if messages.is_empty(db) else None


def _read(
    ledger: Ledger,
    found: Discovery,
    changed: list[FileState],
    gone: list[bytes],
    signatures: dict[str, str],
    env: Mapping[str, str],
    now_ms: int,
    progress: Progress | None,
    deliveries: Deliveries | None,
) -> None:
    """`deliveries`: the content of the changed files, oldest first, if reading has started (`_begun`)."""
    from tachograph.ledger.usage import (  # only where there is something to read
        batches,
        messages,
        shared_ids,
    )
    from tachograph.ledger.usage.message_attributes import MessageAttributes
    from tachograph.recorder.workers import groups, read_all
    from tachograph.sources.transcripts.c_scanner import IDENTITIES, KEPT_ROWS

    identities = {folder: claude_config.identity(folder, env) for folder in signatures}
    with ledger.transaction() as db:
        names = Strings(db)
        left = rereading_states.states(db)
        if rereading_states.DUE in left:
            from tachograph.ledger.usage import rereading

            rereading.begin(db)
        # what these hand out is remembered for the whole pass: a transaction that fails ends it
        origins = MessageAttributes(db, names)
        longer: dict[int, int] = {}  # folders in which the present account is now known for longer, and since when
        for folder, seen in identities.items():
            if seen is None or not seen.problem:  # half-written: it is read again at the next pass
                accounts.write_glance(db, names, folder, signatures[folder])
            if seen is not None and not seen.problem:
                since = accounts.observe(db, names, folder, accounts.Identity(*map(storable, seen[:4])), now_ms)
                if since is not None:
                    longer[names.id(folder)] = since
        jobs = _jobs(db, changed, gone)
        files.write_gone(db, gone)
        files.write_unreadable(db, names, {path: (error, folder) for path, error, folder in found.unreadable})
        logins = accounts.logins(db)
        for where, since in longer.items():
            batches.assign_accounts(db, origins, logins, where, since)
        shared = shared_ids.known(db)
        empty = names.expects_new = messages.is_empty(db)
        version = data_version(db)
    among: Identities | None = IDENTITIES() if empty else None
    touched = batches.Touched(set(), set(), set(), set(), set())
    if empty and KEPT_ROWS is not None:
        touched = touched._replace(first=batches.first_pass(db, origins, logins, KEPT_ROWS))
    total, done = sum(max(0, job.known.size - job.known.offset) for job in jobs.values()), 0
    # the oldest first: rows are written in order of time, and most copies of a message after the original
    if deliveries is None:
        deliveries = read_all([job.known for job in reversed(jobs.values())], now_ms, shared)
    for group in groups(deliveries):
        with ledger.transaction() as db:
            if data_version(db) != version:
                among = None  # somebody else writes as well: what is in the ledger is not only what we put there
                touched = touched._replace(first=None)
            for said, reads in group:
                batches.write(db, said, origins, logins, among, touched)
                _write_refusals(db, names, said[8], env)
                for read in reads:
                    files.write_state(
                        db,
                        names,
                        tuple(read.known),
                        read_from=jobs[read.known.path].row_offset,
                        error=read.error,
                        problems=read.problems,
                        from_start=read.from_start,
                    )
                done += sum(max(0, read.known.offset - jobs[read.known.path].known.offset) for read in reads)
                del said, reads  # before the next batch comes: two of them at once are 8 MB more
        if progress is not None:
            progress(min(done, total), total)
    if touched.merged or rereading_states.LINES in left:
        touched = touched._replace(first=None)  # which the few rows that follow would have to know
        _read_lines(
            ledger, touched, origins, logins, None if rereading_states.LINES in left else touched.merged, now_ms
        )
    _note_request_times(ledger, [job.known for job in jobs.values()], now_ms)
    is_large = touched.first is not None and done >= _WORTH_A_CHECKPOINT
    # last: a folder counts as known only when all that is in it was read
    if is_large:
        ledger.begin_checkpoint()
    with ledger.transaction() as db:
        if data_version(db) != version:
            touched = touched._replace(first=None)
        if left & {rereading_states.DUE, rereading_states.BEGUN}:
            from tachograph.ledger.usage import rereading

            touched = touched._replace(first=None)  # of rows that no transcript holds any more, nothing is kept
            rereading.finish(db, origins, logins, touched)
        batches.settle(db, origins, logins, touched, everything=rereading_states.UNSETTLED in left)
        files.write_directories(db, found.directories)
    if is_large:
        ledger.begin_checkpoint()  # of what this last step changed, while the report is made


def _read_lines(
    ledger: Ledger,
    touched: batches.Touched,
    origins: MessageAttributes,
    logins: Logins,
    sessions: set[str] | None,
    now_ms: int,
) -> None:
    """Read transcripts again, line by line, after an id turned out to be shared: those of some sessions, or all (None).

    Their offsets and problems stay; repetition changes nothing else.
    """
    from tachograph.ledger.usage import batches, shared_ids
    from tachograph.ledger.usage.writer import MessageWriter
    from tachograph.recorder.workers import groups, read_all

    states = files.of_sessions(ledger.db, {""} if sessions is None else sessions)
    known = [FileState(*state[1:8]) for state in states]  # from the start
    for group in groups(read_all(known, now_ms, shared_ids.known(ledger.db))):
        with ledger.transaction() as db:
            for content, _ in group:
                batches.write(db, content, origins, logins, None, touched)
    with ledger.transaction() as db:
        writer = MessageWriter(db, origins, logins)
        shared_ids.drop_merged(writer)
        touched.sessions.update(writer.touched)


def _write_refusals(
    db: sqlite3.Connection, names: Strings, notices: list[tuple[str, bytes]], env: Mapping[str, str]
) -> None:
    """Store refusals of the service, from the client's own notices in the transcripts.

    Old texts give a time of day without a zone: it was this computer's.
    """
    if not notices:
        return
    from tachograph.ledger.limits import metered, refusals
    from tachograph.model.parsing import limit_name
    from tachograph.model.usage.periods import system_zone
    from tachograph.sources.transcripts.limit_notices import notice
    from tachograph.sources.transcripts.records import parse_record

    zone, _ = system_zone(env)
    for folder, line in notices:
        record = parse_record(line)
        found = notice(record, zone) if record is not None else None
        if found is not None and found.on_credits:
            scope = found.scope or limit_name(found.key).scope or ""
            metered.note(db, names, folder, found.key, scope, found.at, found.resets_at)
        if found is not None and found.is_wall:
            session = str(record.get("sessionId") or "") if record is not None else ""
            refusals.note(db, names, folder, session, found.key, found.label, found.at, found.resets_at, found.scope)


def _note_request_times(ledger: Ledger, read: list[FileState], now_ms: int) -> None:
    """Store when the requests of answers after an open refusal began: it tells if one proves that the refusal is over."""
    from tachograph.ledger.limits import request_times

    since = request_times.open_since(ledger.db, now_ms)
    if since is None:
        return
    from tachograph.sources.transcripts.request_times import request_times as times_in

    newest = read[:_MOST_LATE_FILES]  # discovered so: the one that changed last is the first
    times = [one for known in newest for one in times_in(known.path, known.offset, since)]
    if times:
        with ledger.transaction() as db:
            request_times.note_request_times(db, times, now_ms)


def _remembering(known: FileState, state: files.FileState) -> FileState:
    """A file as discovered, with the state that the ledger remembers."""
    fields = ("offset", "head", "tail", "stamp", "looks")
    return known._replace(**{field: getattr(state, field) for field in fields})


class _Job(NamedTuple):
    """A transcript to read, and the offset in its row of the ledger; None without a row."""

    known: FileState
    row_offset: int | None


def _jobs(db: sqlite3.Connection, changed: list[FileState], gone: list[bytes]) -> dict[bytes, _Job]:
    """Transcripts to read, by path, each with the state that the ledger remembers.

    A file that was moved takes its row along; one that is known by another name as well begins where that one is.
    """
    from tachograph.sources.transcripts.tail import is_same  # only where there is something to read

    states = files.states(db, [known.path for known in changed])
    any_known = files.is_any_known(db)
    jobs = {}
    for known in changed:
        state = states.get(known.path)
        row_offset = None if state is None else state.offset
        if state is None:
            state = files.state_of_inode(db, known.device, known.inode) if any_known else None
            if state is not None and not is_same(_remembering(known, state)):
                state = None  # a new file in the place of a deleted one
            if state is not None and state.path in gone:
                files.move(db, state.path, known.path)
                gone.remove(state.path)
                row_offset = state.offset
        elif state.offset == known.size:
            state = None  # it changed and did not grow: whatever was written over it is read from the start
        if state is not None:
            known = _remembering(known, state)
        jobs[known.path] = _Job(known, row_offset)
    return jobs
