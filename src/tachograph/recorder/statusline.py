"""Store Claude Code's status line input. Runs at every redraw, so it imports as little as possible."""

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import Mapping
from tachograph.ledger.limits import clock_repair, readings
from tachograph.ledger.storage.connection import Ledger
from tachograph.ledger.usage import context_windows
from tachograph.ledger.usage.strings import Strings
from tachograph.model.limits.limits import Reading
from tachograph.sources.statusline import StatusInput, parse_status_input

__all__ = ["StatusInput", "parse_status_input", "store"]


def store(ledger: Ledger, said: StatusInput, folder: str, env: Mapping[str, str] | None = None) -> int | None:
    """Store the reading of a status line input, if it has one, and the session's context window if it changed;
    returns the account the reading was of. Raises LedgerError.

    `env`: where to look for the login of the folder, if its files have changed; None to leave that to the recorder.
    """
    session, size = said.session, said.context_window
    is_news = session is not None and size is not None and context_windows.window(ledger.db, session) != size
    if said.reading is None and not is_news:
        return None
    with ledger.transaction() as db:
        if is_news and session is not None and size is not None:
            context_windows.note(db, session, size)
        if said.reading is None:
            return None
        names = Strings(db)
        clock_repair.repair_clock(db, said.reading.observed_at)
        answered_at = None
        if not readings.is_repeat(db, said.reading, folder):
            if env is not None:
                _look_at_login(db, names, said.reading, folder, env)
            if said.transcript and said.session and readings.is_first(db, said.session):
                from tachograph.sources.transcripts.last_answer import last_answer_at

                answered_at = last_answer_at(said.transcript)
        return readings.append(db, names, said.reading, folder, answered_at)


def _look_at_login(
    db: sqlite3.Connection, names: Strings, reading: Reading, folder: str, env: Mapping[str, str]
) -> None:
    """Note another login of a config folder at once: what follows is of another account."""
    from tachograph.ledger.limits import accounts
    from tachograph.sources import claude_config

    signature = repr(claude_config.identity_signature(folder, env))
    if accounts.glances(db, folder).get(folder) == signature:
        return
    found = claude_config.identity(folder, env)
    if found is None or found.problem:
        return
    if accounts.is_logged_in(db, folder, found.account, found.organization):
        accounts.write_glance(db, names, folder, signature)
    else:  # the glance is left alone: the next pass over the transcripts takes the messages along
        accounts.observe(db, names, folder, accounts.Identity(*found[:4]), reading.observed_at)
