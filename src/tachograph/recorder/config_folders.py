"""Config folders of Claude Code that the ledger has counted: which are followed, and which are not read any more."""

import os
from collections.abc import Mapping
from sqlite3 import Connection

from tachograph.ledger.usage import files
from tachograph.settings import config_folders, ignored_folders
from tachograph.sources.transcripts import discover


def followed(db: Connection, env: Mapping[str, str]) -> list[str]:
    """Config folders of the environment and the settings, then those counted before that are still there.

    Their logins and limits are read, and asked for. Claude Desktop's local agent sessions have no login of their own.
    """
    named = config_folders(env)
    known = {os.path.realpath(folder) for folder in named}
    return named + [one for one in _counted(db, env) if os.path.isdir(one) and os.path.realpath(one) not in known]


def not_read(db: Connection, env: Mapping[str, str]) -> tuple[str, ...]:
    """Config folders that were counted before and are not there now, so that nothing new of them is counted."""
    return tuple(one for one in _counted(db, env) if not os.path.isdir(os.path.join(one, "projects")))


def _counted(db: Connection, env: Mapping[str, str]) -> list[str]:
    """Config folders of which a transcript was ever read, without those ignored."""
    ignored = ignored_folders(env)
    return [one for one in files.folders(db) if one not in ignored and not discover.is_desktop_session(one, env)]
