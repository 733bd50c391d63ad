"""Detect what a new user has here: config folders, logins, sources, and the parts that are switched on already."""

import os
from collections.abc import Mapping
from typing import NamedTuple

from tachograph import background
from tachograph.ledger.storage.connection import Ledger
from tachograph.ledger.storage.preferences import has_consent
from tachograph.model.limits.limits import OAUTH
from tachograph.paths import Paths
from tachograph.recorder.config_folders import followed
from tachograph.setup import autostart, statusline
from tachograph.setup.other_folders import OtherFolder, other_folders
from tachograph.sources import claude_config, claude_desktop
from tachograph.sources.transcripts import discover


class Folder(NamedTuple):
    """A Claude Code config folder. `has_login`: a credentials file is there (it is not read); `line`: its status line."""

    path: str
    transcripts: int
    label: str
    plan: str
    problem: str
    has_login: bool
    line: statusline.State


class Detected(NamedTuple):
    folders: tuple[Folder, ...]
    others: tuple[OtherFolder, ...]  # config folders that are not read yet
    desktop: int  # histories of Claude Desktop
    asks: bool  # the usage endpoint may be asked
    starts: autostart.State
    is_running: bool


def detect(ledger: Ledger, env: Mapping[str, str], paths: Paths) -> Detected:
    """Detect everything, change nothing."""
    folders = []
    following = followed(ledger.db, env)
    for path in filter(os.path.isdir, following):
        who = claude_config.identity(path, env)
        found = discover.transcripts([path], {}, {}, 0)
        folders.append(
            Folder(
                path,
                found.total,
                who.label if who else "",
                who.plan if who else "",
                who.problem if who else "",
                os.path.exists(os.path.join(path, ".credentials.json")),
                statusline.state(env, path),
            )
        )
    histories = sum(os.path.exists(path) for path in claude_desktop.history_files(env))
    asks = has_consent(ledger.db, OAUTH)
    others = tuple(other_folders(env, following))
    return Detected(
        tuple(folders), others, histories, asks, autostart.state(env), background.running(paths) is not None
    )
