"""The sheet of keys and signs."""

from tachograph.text.format import cut
from tachograph.ui.terminal.cells import DIM, KEY, TITLE, Cell, Row, fit

_KEYS = (
    ("↑ ↓  j k", "choose a session (also page up, page down, home, end)"),
    ("enter", "open or close it (also by a second click)"),
    ("escape", "leave the detail, the filter or the selection"),
    ("/", "show only sessions with a word in title, project, branch or model"),
    ("s", "sort by last activity, cost, tokens, context, project"),
    ("a", "show the next account"),
    ("c", "copy the session's id, for claude --resume"),
    ("l", "change the layout; auto depends on the terminal's size"),
    ("t", "dark, light, high contrast"),
    ("r", "start the recorder if it isn't running"),
    ("q  ctrl+c", "quit; the recorder keeps running"),
)
_SIGNS = (
    ("▲ ■ ◆", "from 90 %, from 100 %; reached, and extra usage goes on"),
    ("~", "a number that is older than half an hour"),
    ("–", "unknown: no reading, or the limit has reset since"),
    ("╎", "a reset in the history of a limit"),
    ("%/h ↑", "points per hour now, and (the pace that lasts to the reset); ↑: too fast"),
    ("wall", "the chance that a limit is reached before it resets"),
    ("● ○", "a session active in the last 15 minutes, or before"),
    ("ctx", "share of the model's context window; tokens if unknown"),
    ("* +", "API-equivalent; some of it has no price"),
)


def sheet(columns: int, rows: int | None) -> list[Row]:
    """The sheet of keys and signs."""
    made: list[Row] = [(Cell(" Keys", TITLE),)]
    made += [(Cell(f"   {fit(key, 10)} ", KEY), Cell(cut(words, columns - 15))) for key, words in _KEYS]
    made += [(Cell(" Signs", TITLE),)]
    made += [(Cell(f"   {fit(key, 10)} ", KEY), Cell(cut(words, columns - 15))) for key, words in _SIGNS]
    made.append((Cell(" Press any key to close.", DIM),))
    if rows is not None and len(made) > rows:
        made = [*made[: rows - 1], made[-1]]
    return made
