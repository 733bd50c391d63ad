"""Recovery of a damaged ledger: it is set aside, and the newest sound backup replaces it."""

import time
from typing import NamedTuple

from tachograph.errors import LedgerError, LedgerNewer
from tachograph.ledger.storage.backups import Backup, backups
from tachograph.ledger.storage.integrity import Counts, check_file
from tachograph.paths import Paths
from tachograph.setup.ledger_files import exclusive, prepare_copy, prepare_empty, remove_copies, replace_ledger


def recover(paths: Paths, now_ms: int, why: str) -> tuple[str, ...]:
    """Recover from a damaged ledger; returns sentences about it. `why` is the problem that was found.

    Nothing is deleted, and nothing is moved before the whole file was looked at once more: the trouble may have been
    a passing one, or another process may have mended it. No connection of this process may be open.
    Raises LedgerNewer for the ledger of a newer version, which cannot be judged here; LedgerError where there is no
    room or no permission: then everything is as it was.
    """
    with exclusive(paths):
        found = check_file(paths.ledger)
        if found.is_newer:
            raise LedgerNewer(
                f"A newer version of Tachograph wrote {paths.ledger}, and this one cannot read it.",
                "Update Tachograph; nothing was changed.",
            )
        if not found.problem:
            return (why, "A check of the whole ledger finds nothing wrong with it; it was left as it is.")
        try:
            chosen = _newest_sound(paths, now_ms)
            aside = replace_ledger(paths, chosen.copy, now_ms)
        finally:
            remove_copies(paths)
    return tuple(_sentences(why, aside, chosen))


class _Chosen(NamedTuple):
    backup: Backup | None
    copy: str
    counts: Counts
    refused: tuple[str, ...]  # newer backups that are damaged themselves


def _newest_sound(paths: Paths, now_ms: int) -> _Chosen:
    refused: list[str] = []
    for backup in reversed(backups(paths)):
        try:
            found = check_file(backup.path, at_rest=True)
        except LedgerError:  # it cannot be read: not sound for us
            refused.append(backup.path)
            continue
        if found.problem or found.is_newer:
            refused.append(backup.path)
            continue
        return _Chosen(backup, prepare_copy(paths, backup.path), found.counts, tuple(refused))
    return _Chosen(None, prepare_empty(paths, now_ms), Counts(), tuple(refused))


def _sentences(why: str, aside: str, chosen: _Chosen) -> list[str]:
    made = [why]
    if aside:
        made.append(f"It was moved to {aside}; nothing was deleted.")
    if chosen.refused:
        many = f"{len(chosen.refused)} backups" if len(chosen.refused) > 1 else "A backup"
        made.append(f"{many} cannot be used either: {', '.join(chosen.refused)}.")
    if chosen.backup is None:
        made.append(
            "There is no backup to put in its place: a new ledger is built from the transcripts that are there."
        )
        made.append("What had been counted from transcripts that Claude Code has deleted is lost.")
    else:
        day = time.strftime("%Y-%m-%d %H:%M", time.gmtime(chosen.backup.at / 1000))
        made.append(f"The backup of {day} UTC is in its place now, with {chosen.counts.messages:,} messages.")
        made.append(
            "What was counted after it is read again from the transcripts that are still there; what came from"
            " transcripts that Claude Code has deleted since is lost."
        )
    return made
