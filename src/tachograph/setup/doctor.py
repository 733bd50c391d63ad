"""Findings about logs, accounts, settings, ledger and backups, as values; ui/documents/doctor.py words them."""

import os
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from tachograph import __version__
from tachograph.background import running
from tachograph.clock import DAY_MS
from tachograph.errors import LedgerDamaged, LedgerError
from tachograph.lean_sqlite import sqlite3
from tachograph.ledger.limits import clock_repair, poll_state, readings
from tachograph.ledger.limits.unread import idle_limits, unread_fields
from tachograph.ledger.storage import integrity
from tachograph.ledger.storage.backups import automatic_backup_path, back_up, backups
from tachograph.ledger.storage.connection import VERSION, Ledger, is_network_folder
from tachograph.ledger.storage.open import open_ledger
from tachograph.ledger.storage.preferences import has_consent
from tachograph.ledger.usage import files, totals
from tachograph.ledger.usage.strings import storable
from tachograph.model.limits.limits import CLAUDE_CODE, OAUTH
from tachograph.model.limits.limits import OK as ANSWERED
from tachograph.model.usage import prices
from tachograph.paths import Paths, environment_folders, identity_files, own_paths
from tachograph.recorder.config_folders import counted_folders, followed, not_read
from tachograph.recorder.ingest import ingest
from tachograph.recorder.services import FAILED, OFF
from tachograph.settings import config_folders, updated_prices
from tachograph.settings import load as load_settings
from tachograph.setup.count_findings import certainty
from tachograph.setup.findings import NOTE, OK, WRONG, Facts, Finding
from tachograph.setup.ledger_files import damaged_copies
from tachograph.setup.platform_facts import platform_facts
from tachograph.setup.recovery import recover
from tachograph.sources import claude_config
from tachograph.sources.transcripts import discover

_WORST = 3  # files named for each kind of trouble


def has_transcripts(env: Mapping[str, str]) -> bool:
    """True if there is any transcript, readable or not."""
    found = discover.transcripts(discover.folders(env), {}, {}, 0)
    return bool(found.total or found.unreadable)


def examine(paths: Paths, env: Mapping[str, str], now_ms: int, *, read: bool = True) -> tuple[Finding, ...]:
    """Examine everything; `read`: bring the ledger up to date first. Never raises for a finding."""
    found = list(_logs(env))
    transcripts = sum(finding.facts.get("transcripts", 0) for finding in found)
    logins: dict[str, integrity.Login] = {}
    ledger = list(_ledger(paths, env, now_ms, read and transcripts > 0, logins))
    return (
        Finding(OK, "versions", "versions", versions()),
        Finding(OK, "platform", "platform", platform_facts(env)),
        *found,
        *_accounts(env, logins),
        *_settings(paths),
        *ledger,
        *_services(paths),
        *_backups(paths),
    )


def versions() -> dict[str, str]:
    return {
        "tachograph": __version__,
        "python": ".".join(map(str, sys.version_info[:3])),
        "sqlite": sqlite3.sqlite_version,
    }


def repair(paths: Paths, now_ms: int) -> tuple[str, ...]:
    """Repair a ledger: a damaged one by recovery, wrong totals by computing them again after a backup.

    Returns sentences about the repairs, none without any. Raises LedgerError if it fails.
    """
    if not os.path.exists(paths.ledger) and not backups(paths):
        return ()
    try:
        with open_ledger(paths, now_ms) as ledger:
            problems = [] if ledger.readable_only else integrity.faults(ledger.db)
            if problems:
                raise LedgerDamaged(f"The ledger {ledger.path} is damaged: {problems[0]}.")
            return () if ledger.readable_only else tuple(_repair_contents(ledger, paths, now_ms))
    except LedgerDamaged as damage:
        why = damage.message
    return recover(paths, now_ms, why)


def _repair_contents(ledger: Ledger, paths: Paths, now_ms: int) -> Iterator[str]:
    """Repair wrong content of a sound file; yields a sentence for each repair."""
    lost, differing = integrity.lost_references(ledger.db), integrity.rollup_differences(ledger.db)
    if not lost and not differing:
        return
    kept = automatic_backup_path(paths, "before-repair", now_ms)
    back_up(ledger.db, kept)
    with ledger.transaction() as db:
        if lost:
            integrity.forget_lost_references(db)
            yield f"What {lost:,} references led to is not there; they say unknown now."
        totals.derive(db)
    yield f"The totals were added up again; {differing:,} of them differed."
    yield f"The ledger before is in {kept}."


# -- where the logs are --------------------------------------------------------------------------------------------


def _logs(env: Mapping[str, str]) -> Iterator[Finding]:
    in_settings = load_settings(own_paths(env).settings).config_dirs
    in_environment = environment_folders(env) if env.get("CLAUDE_CONFIG_DIR", "").strip() else []
    counted = counted_folders(own_paths(env).ledger)
    here = discover.folders(env, counted)
    looked_at = list(dict.fromkeys((*config_folders(env), *here)))
    for folder in looked_at:
        where = "settings.toml" if folder in in_settings else "CLAUDE_CONFIG_DIR" if folder in in_environment else ""
        yield _folder(folder, where)
    if not here:
        yield Finding(NOTE, "logs", "no_logs", {})


def _folder(folder: str, named_in: str) -> Finding:
    projects = os.path.join(folder, "projects")
    facts: Facts = {"path": _printable(folder)}
    if not os.path.isdir(folder):
        return Finding(
            WRONG if named_in else OK,
            "logs",
            "folder_missing",
            {**facts, "named": bool(named_in), "named_in": named_in},
        )
    if not os.access(folder, os.R_OK | os.X_OK):
        return Finding(WRONG, "logs", "folder_unreadable", facts)
    if not os.path.isdir(projects):
        return Finding(NOTE if named_in else OK, "logs", "folder_empty", facts)
    found = discover.transcripts([folder], {}, {}, 0)
    if any(path == os.fsencode(projects) for path, _, _ in found.unreadable):
        return Finding(WRONG, "logs", "folder_unreadable", {"path": _printable(projects)})
    newest = max((known.mtime for known in found.changed), default=None)
    facts |= {
        "transcripts": len(found.changed),
        "bytes": sum(known.size for known in found.changed),
        "newest": None if newest is None else newest // 1_000_000,
    }
    return Finding(OK, "logs", "folder", facts)


# -- who is logged in ----------------------------------------------------------------------------------------------


def _accounts(env: Mapping[str, str], logins: Mapping[str, integrity.Login]) -> Iterator[Finding]:
    counted = [one for one in counted_folders(own_paths(env).ledger) if not discover.is_desktop_session(one, env)]
    for folder in dict.fromkeys((*config_folders(env), *counted)):
        if not os.path.isdir(folder):
            continue
        facts: Facts = {"path": _printable(folder)}
        seen = claude_config.identity(folder, env)
        if seen is None:
            there = [path for path in identity_files(folder, env) if os.path.exists(path)]
            where = _printable((there or identity_files(folder, env))[0])
            yield Finding(OK, "account", "logged_out" if there else "no_identity", {**facts, "file": where})
        elif seen.problem:
            yield Finding(WRONG, "account", "bad_identity", {**facts, "problem": seen.problem})
        else:
            login = logins.get(storable(folder))
            same = login is not None and (login.account, login.organization) == (seen.account, seen.organization)
            since = login.first_seen if login is not None and same else None
            yield Finding(OK, "account", "account", {**facts, "label": seen.label, "plan": seen.plan, "since": since})


# -- settings ------------------------------------------------------------------------------------------------------


def _settings(paths: Paths) -> Iterator[Finding]:
    settings = load_settings(paths.settings)
    _, unusable = prices.load(settings.prices, updated_prices(paths.settings))
    problems = [*settings.problems]
    problems += [f"{paths.settings}: {problem}" for problem in unusable]
    for problem in problems:
        yield Finding(WRONG, "settings", "bad_setting", {"problem": problem})
    if not problems:
        there = os.path.exists(paths.settings)
        yield Finding(OK, "settings", "settings" if there else "no_settings", {"path": _printable(paths.settings)})


# -- the ledger and what was read into it --------------------------------------------------------------------------


def _ledger(
    paths: Paths, env: Mapping[str, str], now_ms: int, read: bool, logins: dict[str, integrity.Login]
) -> Iterator[Finding]:
    """Findings about the ledger; fills `logins` from it on the way."""
    facts = {"path": _printable(paths.ledger)}
    if not os.path.exists(paths.ledger) and not backups(paths) and not read:
        yield Finding(OK, "ledger", "no_ledger", facts)
        return
    before, unread = _modes(paths), []
    try:
        with open_ledger(paths, now_ms) as ledger:
            if read and not ledger.readable_only:
                yield from _pass(ledger, env, now_ms)
            logins |= integrity.logins(ledger.db)
            yield from _contents(ledger, paths, facts)
            yield from _soundness(ledger, facts)
            yield from _polls(ledger)
            yield from _unread_fields(ledger)
            yield from _clocks(ledger, now_ms)
            yield from _unread_folders(ledger, env, now_ms)
            unread = [*_trouble(ledger.db), *certainty(ledger.db)]
    except LedgerDamaged as damage:
        yield Finding(WRONG, "ledger", "damaged", {**facts, "problem": damage.message})
    except LedgerError as trouble:
        yield Finding(WRONG, "ledger", "unusable", {**facts, "problem": trouble.message, "hint": trouble.hint})
    yield from _access(paths, before)
    yield from unread


def _polls(ledger: Ledger) -> Iterator[Finding]:
    """Outcomes of the sources that are asked for a config folder and are switched on."""
    states = [
        (name, state)
        for name in (CLAUDE_CODE, OAUTH)
        if has_consent(ledger.db, name)
        for state in poll_state.states(ledger.db, name)
    ]
    for source, state in states:
        kind = OK if state.outcome == ANSWERED else NOTE
        facts = {
            "path": state.folder,
            "source": source,
            "outcome": state.outcome,
            "problem": state.problem,
            "at": state.asked_at,
        }
        yield Finding(kind, "limits", "asked", facts)


def _unread_fields(ledger: Ledger) -> Iterator[Finding]:
    """Sources with an answer that this version does not read whole."""
    for source, problems in unread_fields(ledger.db):
        yield Finding(NOTE, "limits", "unread", {"source": source, "problems": list(problems)})
    for source, names in idle_limits(ledger.db):
        yield Finding(OK, "limits", "idle", {"source": source, "names": list(names)})


def _clocks(ledger: Ledger, now_ms: int) -> Iterator[Finding]:
    """Readings from the future: this computer's clock was wrong, or that of the program that wrote them."""
    for trouble in clock_repair.clock_troubles(ledger.db, now_ms, now_ms - DAY_MS):
        kind = NOTE if trouble.is_repaired else WRONG
        yield Finding(kind, "limits", "clock", trouble._asdict())


def _unread_folders(ledger: Ledger, env: Mapping[str, str], now_ms: int) -> Iterator[Finding]:
    """Config folders that were counted before and are gone, and those that only a status line reports of."""
    for folder in not_read(ledger.db, env):
        yield Finding(NOTE, "logs", "folder_gone", {"path": _printable(folder)})
    known = {os.path.realpath(folder) for folder in followed(ledger.db, env)}
    for folder in readings.folders(ledger.db, now_ms - 7 * DAY_MS):
        if os.path.realpath(folder) not in known and os.path.isdir(folder):
            yield Finding(NOTE, "logs", "folder_not_read", {"path": _printable(folder)})


def _services(paths: Paths) -> Iterator[Finding]:
    """Services inside the running recorder."""
    found = running(paths)
    for name, state, text in found.services if found is not None else ():
        if state != OFF:
            yield Finding(
                WRONG if state == FAILED else OK, "recorder", "service", {"name": name, "text": text or state}
            )


def _pass(ledger: Ledger, env: Mapping[str, str], now_ms: int) -> Iterator[Finding]:
    try:
        ingest(ledger, env, now_ms)
    except LedgerDamaged:
        raise
    except LedgerError as trouble:
        yield Finding(WRONG, "ledger", "not_written", {"problem": trouble.message, "hint": trouble.hint})


def _contents(ledger: Ledger, paths: Paths, facts: Mapping[str, Any]) -> Iterator[Finding]:
    if ledger.readable_only:
        yield Finding(WRONG, "ledger", "read_only", {**facts, "why": ledger.readable_only})
    db = ledger.db
    yield Finding(
        OK,
        "ledger",
        "ledger",
        {
            **facts,
            "bytes": integrity.size(paths.ledger),
            **integrity.storage_format(db)._asdict(),
            **integrity.row_counts(db)._asdict(),
        },
    )


def _soundness(ledger: Ledger, facts: Mapping[str, Any]) -> Iterator[Finding]:
    version = integrity.storage_format(ledger.db).version
    problems = integrity.faults(ledger.db) if version <= VERSION else integrity.full_check(ledger.db)
    if problems:
        yield Finding(WRONG, "ledger", "damaged", {**facts, "problem": problems[0]})
        return
    lost = integrity.lost_references(ledger.db) if version <= VERSION else 0
    if lost:
        yield Finding(WRONG, "ledger", "lost_references", {"lost": lost})
    differing = integrity.rollup_differences(ledger.db)
    if differing:
        yield Finding(WRONG, "ledger", "totals_differ", {"differing": differing})
    if not lost and not differing:
        yield Finding(OK, "ledger", "sound", {})


def _trouble(db: sqlite3.Connection) -> Iterator[Finding]:
    """Problems of transcripts by kind, with the files that have most of them."""
    by_kind: dict[str, list[files.FileProblem]] = {}
    for problem in files.problems_by_file(db):
        if problem.error:
            if not problem.gone:
                where = files.printable_path(problem.path)
                yield Finding(WRONG, "files", "unreadable", {"path": where, "error": problem.error})
        else:
            by_kind.setdefault(problem.kind, []).append(problem)
    for kind, problems in by_kind.items():
        counts = [(files.printable_path(p.path), p[2], p.gone) for p in problems]
        total = sum(number for _, number, _ in counts)
        facts: Facts = {"kind": kind, "count": total, "files": len(counts), "worst": counts[:_WORST]}
        yield Finding(NOTE, "files", "problem", facts)


def _modes(paths: Paths) -> dict[str, int]:
    """Permission bits of our files, on systems that have them."""
    modes = {}
    for path in (paths.data, paths.ledger):
        if os.name == "posix" and os.path.exists(path):
            modes[path] = stat.S_IMODE(os.stat(path).st_mode)
    return modes


def _access(paths: Paths, before: Mapping[str, int]) -> Iterator[Finding]:
    after = _modes(paths)
    for path, mode in after.items():
        facts = {"path": _printable(path), "mode": f"{mode:04o}", "before": f"{before.get(path, mode):04o}"}
        if mode & 0o077:
            yield Finding(WRONG, "ledger", "open_to_others", facts)
        elif before.get(path, mode) & 0o077:
            yield Finding(NOTE, "ledger", "was_open_to_others", facts)
    if is_network_folder(paths.data):
        yield Finding(NOTE, "ledger", "on_network", {"path": _printable(paths.data)})


# -- backups and damaged copies ----------------------------------------------------------------------------------------


def _backups(paths: Paths) -> Iterator[Finding]:
    found = backups(paths)
    facts: Facts = {"path": _printable(paths.backups), "count": len(found)}
    if found:
        newest = found[-1]
        facts |= {"newest": newest.at, "newest_path": _printable(newest.path)}
        facts["bytes"] = sum(integrity.size(backup.path) for backup in found)
        try:
            problem = integrity.check_file(newest.path, at_rest=True).problem
        except LedgerError as trouble:
            problem = trouble.message
        if problem:
            yield Finding(WRONG, "backups", "bad_backup", {**facts, "problem": problem})
    yield Finding(OK, "backups", "backups" if found else "no_backups", facts)
    for folder in damaged_copies(paths):
        size = 0
        with suppress(OSError):
            size = sum(entry.stat(follow_symlinks=False).st_size for entry in os.scandir(folder))
        yield Finding(NOTE, "backups", "set_aside", {"path": _printable(folder), "bytes": size})


def _printable(path: str) -> str:
    return files.printable_path(os.fsencode(path))
