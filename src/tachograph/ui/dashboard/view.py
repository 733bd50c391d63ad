"""From a request to the view that blocks are computed from."""

from tachograph.clock import WEEK_MS
from tachograph.model.limits.limits import SEVEN_DAY
from tachograph.queries.limits.current import now as current_limits
from tachograph.ui.dashboard.page import PageRequest, View
from tachograph.workspace.snapshot import Snapshot


def view_of(snapshot: Snapshot, request: PageRequest, chunks: frozenset[int] = frozenset({0})) -> View:
    """The view of a request; a limit week gets the reset of the running one."""
    query = request.query
    if query.is_limit_week:
        query = query._replace(week_reset=week_reset(snapshot))
    return View(snapshot, query, request.path, request.item, chunks, request.sessions, request.session)


def week_reset(snapshot: Snapshot) -> int | None:
    """The end of the running week of the primary account's weekly limit, in epoch milliseconds; None if unknown."""
    for account in current_limits(snapshot.db, snapshot.now).accounts[:1]:
        limit = account.limit(SEVEN_DAY)
        if limit is not None and limit.resets_at is not None:
            past = max(0, -(-(snapshot.now - limit.resets_at + 1) // WEEK_MS))  # weeks since a reset that was read
            return limit.resets_at + past * WEEK_MS
    return None
