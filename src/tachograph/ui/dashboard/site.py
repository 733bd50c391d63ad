"""Every page of the dashboard, in the order of the rail."""

from tachograph.ui.dashboard.page import Page
from tachograph.ui.dashboard.pages import limits, now, pull_requests, session, sessions, settings, usage

PAGES: tuple[Page, ...] = (
    now.PAGE,
    usage.PAGE,
    sessions.PAGE,
    pull_requests.PAGE,
    limits.PAGE,
    settings.PAGE,
    session.PAGE,
)
