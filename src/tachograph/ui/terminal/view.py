"""View state of the screen (cursor, scroll, order, filter, open detail), the effect of each key, and its environment.

Pure: `pressed` takes a view and a key and returns a view. An update of the numbers goes through `settled`, which keeps
the row under the cursor on its line, whatever came or went above it.
"""

from collections.abc import Sequence
from typing import NamedTuple

from tachograph.queries.limits.now_limit import is_idle_codename
from tachograph.queries.live import AccountTrend, ActiveSession, LiveState

SORTS = ("last", "cost", "tokens", "context", "project")
THEMES = ("dark", "light", "contrast")
LAYOUTS = ("auto", "full", "narrow", "pane", "line")
MOST_FILTER = 60

# what a key may ask for beside another view
QUIT, COPY, RECORDER = "quit", "copy", "recorder"


class View(NamedTuple):
    """`cursor` and `detail` are sessions (their ids), None for none; `top` is the first row of the list that is shown;
    `order` the one that rows keep while there is a cursor; `account` how far the accounts are turned."""

    layout: str = "auto"
    theme: str = "dark"
    sort: str = "last"
    filter: str = ""
    is_typing: bool = False
    cursor: str | None = None
    top: int = 0
    order: tuple[str, ...] = ()
    detail: str | None = None
    is_help: bool = False
    account: int = 0


class Around(NamedTuple):
    """State beside the ledger. `recorder`: "runs", "starts", "none", or "stands" with
    the clock; `trouble`: why nothing newer can be shown;
    `said`: what came of the last key; `why`: whose the week of the leading account is; `is_live`: it goes on changing, and takes keys."""

    recorder: str = "runs"
    trouble: str = ""
    said: str = ""
    why: str = ""
    is_live: bool = True


def turned(state: LiveState, view: View) -> tuple[AccountTrend, ...]:
    """The accounts, from the one on that a person turned to, with the limits that screens show."""
    first = view.account % max(1, len(state.accounts))  # there may be fewer by now
    found = state.accounts[first:] + state.accounts[:first]
    return tuple(one._replace(trends=tuple(t for t in one.trends if not is_idle_codename(t.limit))) for one in found)


def listed(state: LiveState, view: View) -> list[ActiveSession]:
    """The sessions that pass the filter, in order: while there is a cursor nothing changes places, and what is new
    comes on top."""
    words = view.filter.casefold().split()
    found = [session for session in state.sessions if all(word in _words(session) for word in words)]
    found.sort(key=_ORDERS[view.sort])
    if view.cursor is None:
        return found
    places = {session: place for place, session in enumerate(view.order)}
    return sorted(found, key=lambda session: places.get(session.session, -1))


def _words(session: ActiveSession) -> str:
    parts = (session.title, session.project, session.branch, session.model, session.session)
    return " ".join(part for part in parts if part).casefold()


_ORDERS = {
    "last": lambda s: (-s.last_at, s.session),
    "cost": lambda s: (-(s.spend.cost or 0), -s.last_at),
    "tokens": lambda s: (-s.spend.tokens.total, -s.last_at),
    "context": lambda s: (-(s.context.tokens if s.context else 0), -s.last_at),
    "project": lambda s: ((s.project or "~").casefold(), -s.last_at),
}


def settled(view: View, before: LiveState, state: LiveState) -> View:
    """The view after an update: the row under the cursor stays on its line."""
    if view.cursor is None:
        return view
    old, new = _ids(listed(before, view)), _ids(listed(state, view))
    if view.cursor not in new:
        if view.cursor not in old or not new:
            return view._replace(cursor=None, top=0, order=(), detail=None)
        place = min(old.index(view.cursor), len(new) - 1)  # it is no longer listed: its line goes to what is there now
        return view._replace(cursor=new[place], order=tuple(new), detail=None)
    moved = new.index(view.cursor) - (old.index(view.cursor) if view.cursor in old else 0)
    return view._replace(top=max(0, view.top + moved), order=tuple(new))


def _ids(sessions: Sequence[ActiveSession]) -> list[str]:
    return [session.session for session in sessions]


def pressed(view: View, key: str, state: LiveState, page: int) -> tuple[View, str]:
    """The view after a key, and another action that it triggers ("" for none). `page`: rows of the list in sight."""
    if view.is_typing:
        return _typed(view, key), ""
    if view.is_help:
        return (view, QUIT) if key in ("q", "ctrl+c") else (view._replace(is_help=False), "")
    if key in ("q", "ctrl+c"):
        return view, QUIT
    if key in ("question_mark", "?", "f1"):
        return view._replace(is_help=True), ""
    if key == "escape":
        return _back(view), ""
    if key in _STEPS:
        return _moved(view, key, state, max(1, page)), ""
    if key in ("enter", "space") and view.cursor is not None:
        return view._replace(detail=None if view.detail == view.cursor else view.cursor), ""
    if key == "enter":
        return _moved(view, "down", state, max(1, page)), ""
    if key == "s":
        following = SORTS[(SORTS.index(view.sort) + 1) % len(SORTS)]
        ordered = view._replace(sort=following, cursor=None, top=0)
        return _held(ordered, state, view.cursor, page), ""
    if key in ("slash", "/"):
        return view._replace(is_typing=True), ""
    if key == "t":
        return view._replace(theme=THEMES[(THEMES.index(view.theme) + 1) % len(THEMES)]), ""
    if key == "a" and len(state.accounts) > 1:
        return view._replace(account=(view.account + 1) % len(state.accounts)), ""
    if key == "l":
        return view._replace(layout=LAYOUTS[(LAYOUTS.index(view.layout) + 1) % len(LAYOUTS)]), ""
    if key in ("c", "y") and (view.detail or view.cursor):
        return view, COPY
    return (view, RECORDER) if key == "r" else (view, "")


_STEPS = ("up", "down", "k", "j", "pageup", "pagedown", "home", "end", "g", "G")


def clicked(view: View, session: str, state: LiveState, page: int) -> View:
    """A click puts the cursor on a row; a second one opens it."""
    if view.cursor == session:
        return view._replace(detail=None if view.detail == session else session)
    return _held(view, state, session, page)


def scrolled(view: View, rows: int, state: LiveState, page: int) -> View:
    """The wheel moves the list, and neither cursor nor detail."""
    most = max(0, len(listed(state, view)) - max(1, page))
    return view._replace(top=max(0, min(most, view.top + rows)))


def _typed(view: View, key: str) -> View:
    if key == "enter":
        return view._replace(is_typing=False)
    if key in ("escape", "ctrl+c"):
        return view._replace(is_typing=False, filter="", top=0)
    if key == "backspace":
        return view._replace(filter=view.filter[:-1], top=0)
    if key == "ctrl+u":
        return view._replace(filter="", top=0)
    if len(key) == 1 and key.isprintable() and len(view.filter) < MOST_FILTER:
        return view._replace(filter=view.filter + key, top=0)
    return view


def _back(view: View) -> View:
    """One step back: the detail, then the filter, then the cursor."""
    if view.detail is not None:
        return view._replace(detail=None)
    if view.filter:
        return view._replace(filter="", top=0)
    return view._replace(cursor=None, top=0, order=())


def _moved(view: View, key: str, state: LiveState, page: int) -> View:
    ids = _ids(listed(state, view))
    if not ids:
        return view
    if view.cursor not in ids:
        return _held(view, state, ids[min(view.top, len(ids) - 1)], page)
    place = ids.index(view.cursor)
    step = {"up": -1, "k": -1, "down": 1, "j": 1, "pageup": -page, "pagedown": page}.get(key)
    if key in ("home", "g"):
        place = 0
    elif step is None:
        place = len(ids) - 1
    else:
        place = max(0, min(len(ids) - 1, place + step))
    moved = _held(view, state, ids[place], page)
    return moved._replace(detail=ids[place]) if view.detail is not None else moved


def _held(view: View, state: LiveState, cursor: str | None, page: int) -> View:
    """The view with the cursor on a session, in sight, and the order kept from now on."""
    ids = _ids(listed(state, view))
    if cursor not in ids:
        return view._replace(cursor=None, order=())
    place = ids.index(cursor)
    top = max(min(view.top, place), place - max(1, page) + 1)
    return view._replace(cursor=cursor, order=tuple(ids), top=top)
