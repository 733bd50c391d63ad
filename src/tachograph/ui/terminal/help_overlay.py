"""The sheet of keys and signs."""

from tachograph.text.format import cut
from tachograph.ui.terminal.cells import DIM, KEY, TITLE, Cell, Row, fit

_KEYS = (
    ("↑ ↓  j k", "choose a session; page up, page down, home, end go further"),
    ("enter", "open it, and close it again; so does a second click"),
    ("escape", "one step back: the detail, the filter, the choice"),
    ("/", "show only sessions with a word in title, project, branch or model"),
    ("s", "sort by last activity, cost, tokens, context, project"),
    ("a", "turn to the next account"),
    ("c", "copy the session's id, for claude --resume"),
    ("l", "another layout; auto goes by the size of the terminal"),
    ("t", "dark, light, high contrast"),
    ("r", "start the recorder, where it does not run"),
    ("q  ctrl+c", "quit; the recorder goes on"),
)
_SIGNS = (
    ("▲ ■ ◆", "from 90 %, from 100 %; reached, and extra usage goes on"),
    ("~", "a number that is older than half an hour"),
    ("–", "nobody knows it: no reading, or the limit has reset since"),
    ("╎", "a reset, on the way of a limit so far"),
    ("%/h ↑", "points per hour lately, and (what would just last); ↑: too fast"),
    ("wall", "the chance that a limit is reached before it resets"),
    ("● ○", "a session that was heard in the last ten minutes, or before"),
    ("ctx", "how much of the model's window; tokens where that is not known"),
    ("* +", "API-equivalent; and more, that has no price"),
)


def sheet(columns: int, rows: int | None) -> list[Row]:
    """The sheet of keys and signs."""
    made: list[Row] = [(Cell(" Keys", TITLE),)]
    made += [(Cell(f"   {fit(key, 10)} ", KEY), Cell(cut(words, columns - 15))) for key, words in _KEYS]
    made += [(Cell(" Signs", TITLE),)]
    made += [(Cell(f"   {fit(key, 10)} ", KEY), Cell(cut(words, columns - 15))) for key, words in _SIGNS]
    made.append((Cell(" Any key goes back.", DIM),))
    if rows is not None and len(made) > rows:
        made = [*made[: rows - 1], made[-1]]
    return made
