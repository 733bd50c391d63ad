"""Callbacks of a platform's tray: the newest menu, actions of its rows, and status messages."""

from collections.abc import Callable
from typing import NamedTuple

from tachograph.ui.tray.view import Menu

LOOK_SECONDS = 1.0  # between two looks at the ledger, which are cheap while the ledger is unchanged


class TrayCallbacks(NamedTuple):
    """`look` gives the newest menu (the same object where nothing changed); `act` carries out an action of a row and
    says whether to go on; `say` writes a line for the log, `note` the one sentence that `tachograph tray status` shows.
    None of them raises."""

    look: Callable[[], Menu]
    act: Callable[[str], bool]
    say: Callable[[str], None]
    note: Callable[[str], None]


NO_TRAY = (
    "This desktop has no tray: nothing here shows status items (StatusNotifierItem). On GNOME the extension"
    " 'AppIndicator and KStatusNotifierItem Support' adds one."
)
ALTERNATIVES = "Until then: `tachograph statusline install`, `tachograph now`, `tachograph now --format waybar`."
TRAY_IS_SHOWN = "It is shown."
