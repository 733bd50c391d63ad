"""Routes of a team under /api/team/: who may call which, and their answers. No HTTP in here.

GET    spend?by=&last=|since=&until=   limits   members   me
GET    books?by=day|person|model&last=…   Anthropic's own reports, for owners
POST   allow {what, level}             policy {level}     invite {name, role}     role {name, role}     remove {name, erase}
POST   link                            a one-time code to sign a browser in
DELETE me
"""

import secrets
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from tachograph.clock import Clock
from tachograph.hub.api import ERASED, HubApi, Response, digest
from tachograph.hub.names import clean_name
from tachograph.hub.policy.visibility import LEVELS, OWNER, ROLES, SUBJECTS
from tachograph.hub.store import HubStore, Member
from tachograph.hub.store.messages import DAY_MS
from tachograph.hub.team.administration import Administration
from tachograph.hub.team.books import BOOKS_BY
from tachograph.hub.team.documents import Range
from tachograph.hub.team.queries import TeamQueries, allow
from tachograph.hub.team.spend import BY, DAY
from tachograph.model.usage.prices import PriceBook

LINK_MS, SESSION_MS = 60_000, 12 * 3_600_000
MAX_DAYS = 3_660
_EVERYONE, _OWNERS = frozenset(ROLES), frozenset({OWNER})


class Route(NamedTuple):
    method: str
    name: str
    roles: frozenset[str]


ROUTES = (
    Route("GET", "spend", _EVERYONE),
    Route("GET", "limits", _EVERYONE),
    Route("GET", "members", _EVERYONE),
    Route("GET", "me", _EVERYONE),
    Route("GET", "books", _OWNERS),
    Route("DELETE", "me", _EVERYONE),
    Route("POST", "allow", _EVERYONE),
    Route("POST", "link", _EVERYONE),
    Route("POST", "policy", _OWNERS),
    Route("POST", "invite", _OWNERS),
    Route("POST", "role", _OWNERS),
    Route("POST", "remove", _OWNERS),
    Route("POST", "revoke", _OWNERS),
)


class BadQuestion(ValueError):
    """A parameter that can't be understood; the message is safe to send back."""


class TeamApi:
    """Requests of members on one store; used by one thread at a time."""

    def __init__(self, store: HubStore, clock: Clock, book: PriceBook, machines: HubApi) -> None:
        self._store, self._clock, self._book = store, clock, book
        self._admin = Administration(store, clock, machines)

    def answer(self, method: str, name: str, viewer: Member, query: dict[str, str], document: Any) -> Response:
        """The answer to a member. 404 for an unknown route, 403 for a role that may not."""
        route = next((one for one in ROUTES if (one.method, one.name) == (method, name)), None)
        if route is None:
            return Response(404, {"error": "There is no such page."})
        if viewer.erased_at is not None:
            return Response(410, {"error": ERASED})
        if viewer.left_at is not None:
            return Response(403, {"error": "This member has left the team."})
        if viewer.role not in route.roles:
            return Response(403, {"error": f"Only {' or '.join(sorted(route.roles))}s may do that."})
        try:
            return self._answer(method, name, viewer, query, document)
        except BadQuestion as error:
            return Response(400, {"error": str(error)})

    def _answer(self, method: str, name: str, viewer: Member, query: dict[str, str], document: Any) -> Response:
        now = self._clock.now_ms()
        if method == "GET":
            queries = TeamQueries(self._store, self._book, viewer, now)
            if name == "spend":
                by = query.get("by", "person")
                if by not in BY:
                    raise BadQuestion(f"by is one of {', '.join(BY)}.")
                return Response(200, queries.spend(by, days_of(query, now)))
            if name == "books":
                by = query.get("by", DAY)
                if by not in BOOKS_BY:
                    raise BadQuestion(f"by is one of {', '.join(BOOKS_BY)}.")
                return Response(200, queries.books(by, days_of(query, now)))
            return Response(200, {"limits": queries.limits, "members": queries.members, "me": queries.me}[name]())
        fields = document if isinstance(document, dict) else {}
        if method == "DELETE":
            return self._admin.erase(viewer, viewer)
        if name == "allow":
            what, level = str(fields.get("what", "")), str(fields.get("level", ""))
            if not allow(self._store, viewer, what, level, now):
                raise BadQuestion(f"what: one of {', '.join(SUBJECTS)}; level: one of {', '.join(LEVELS)}.")
            return Response(200, {"what": what, "level": level})
        if name == "link":
            return Response(200, {"code": self.new_code(viewer)})
        return self._admin.answer(name, viewer, {key: _word(value) for key, value in fields.items()})

    # -- sign-in of browsers

    def new_code(self, viewer: Member) -> str:
        """A code that signs a browser in, once, within a minute."""
        code, now = secrets.token_urlsafe(24), self._clock.now_ms()
        with self._store.transaction():
            self._store.drop_sessions(now)
            self._store.add_session(digest(code), viewer.id, "code", now + LINK_MS)
        return code

    def sign_in(self, code: str) -> str | None:
        """The secret of a new session for a code; None for one that is wrong, used or too old."""
        now = self._clock.now_ms()
        with self._store.transaction():
            member = self._store.session(digest(code), "code", now)
            if member is None:
                return None
            self._store.end_session(digest(code))
            secret = secrets.token_urlsafe(32)
            self._store.add_session(digest(secret), member, "page", now + SESSION_MS)
        return secret

    def sign_out(self, secret: str) -> None:
        with self._store.transaction():
            self._store.end_session(digest(secret))

    def member_of(self, secret: str) -> Member | None:
        """The member who is signed in with a secret."""
        member = self._store.session(digest(secret), "page", self._clock.now_ms()) if secret else None
        found = None if member is None else self._store.member(member)
        return found if found is not None and found.is_present else None

    def member_named(self, name: str) -> Member | None:
        """A present member by name, for a sign-in that a trusted proxy has done."""
        name = clean_name(name)
        return next((one for one in self._store.members() if one.is_present and one.name == name), None)


def days_of(query: dict[str, str], now_ms: int) -> Range:
    """The range of days of a question; the last 30 without one. Raises BadQuestion."""
    today = now_ms // DAY_MS
    if "since" in query or "until" in query:
        if "last" in query:
            raise BadQuestion("last can't be combined with since or until.")
        last = _day(query["until"]) if "until" in query else today
        first = _day(query["since"]) if "since" in query else last - 29
    else:
        text = query.get("last", "30")
        if not text.isdecimal() or not 0 < int(text[:6]) <= MAX_DAYS:
            raise BadQuestion(f"last is a number of days from 1 to {MAX_DAYS}.")
        first, last = today - int(text) + 1, today
    if not 0 <= first <= last or last - first >= MAX_DAYS:
        raise BadQuestion("since is after until, or the range is too long.")
    return Range(first, last)


def _word(value: Any) -> str:
    return value if isinstance(value, str) else "True" if value is True else ""


def _day(text: str) -> int:
    try:
        moment = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
    except ValueError as error:
        raise BadQuestion("A day is written like 2026-11-19.") from error
    return int(moment.timestamp()) * 1000 // DAY_MS
