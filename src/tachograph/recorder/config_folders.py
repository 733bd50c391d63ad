"""Config folders of Claude Code that the ledger has counted: which are followed, and which are not read any more."""

import os

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import Mapping
from tachograph.ledger.storage.connection import connect_readonly
from tachograph.ledger.usage import files
from tachograph.settings import config_folders, ignored_folders
from tachograph.sources.transcripts import discover


def followed(db: sqlite3.Connection, env: Mapping[str, str]) -> list[str]:
    """Config folders of the environment and the settings, then those counted before that are still there.

    Their logins and limits are read, and asked for. Claude Desktop's local agent sessions have no login of their own.
    """
    named = config_folders(env)
    known = {os.path.realpath(folder) for folder in named}
    return named + [one for one in _counted(db, env) if os.path.isdir(one) and os.path.realpath(one) not in known]


def not_read(db: sqlite3.Connection, env: Mapping[str, str]) -> tuple[str, ...]:
    """Config folders that were counted before and are not there now, so that nothing new of them is counted."""
    return tuple(one for one in _counted(db, env) if not os.path.isdir(os.path.join(one, "projects")))


def counted_folders(ledger: str, *, at_rest: bool = False) -> list[str]:
    """Config folders that the ledger in a file has ever counted; none if it can't be read."""
    try:
        db = connect_readonly(ledger, at_rest=at_rest)
    except (sqlite3.Error, OSError):
        return []
    try:
        return files.folders(db)
    except sqlite3.Error:
        return []
    finally:
        db.close()


def known_to_ledger_alone(ledger: str, env: Mapping[str, str]) -> list[str]:
    """Config folders that are read only because the ledger counted them: nothing else names them."""
    named = {os.path.realpath(folder) for folder in (*config_folders(env), *ignored_folders(env))}
    return [
        one
        for one in counted_folders(ledger, at_rest=True)
        if os.path.realpath(one) not in named and os.path.isdir(one) and not discover.is_desktop_session(one, env)
    ]


def _counted(db: sqlite3.Connection, env: Mapping[str, str]) -> list[str]:
    """Config folders of which a transcript was ever read, without those ignored."""
    ignored = ignored_folders(env)
    return [one for one in files.folders(db) if one not in ignored and not discover.is_desktop_session(one, env)]
