"""`now --refresh`: ask the usage endpoint, or explain why that is not possible."""

from tachograph.ledger.storage.connection import translate_errors
from tachograph.ledger.storage.open import open_ledger
from tachograph.ledger.storage.preferences import has_consent
from tachograph.model.limits.limits import OAUTH, OK
from tachograph.model.usage.periods import Calendar
from tachograph.paths import Paths
from tachograph.recorder.poller import RefreshResult
from tachograph.text.format import safe
from tachograph.ui.cli.context import Context

_WHY = {
    "barred": "the service asked us to wait until {until}; an earlier request would prolong that",
    "recent": "the last request was less than a minute ago: its answer is shown",
    "claimed": "another program is asking right now: its answer will be here in a few seconds",
    "forgotten": "its account is hidden: show it again with `tachograph accounts show NAME`",
}


def refresh(paths: Paths, calendar: Calendar, context: Context) -> list[str]:
    """Ask for every config folder; in words what did not come of it. Raises LedgerError."""
    from tachograph.recorder import poller

    with open_ledger(paths, context.clock.now_ms()) as ledger, translate_errors(ledger.path):
        if ledger.readable_only:
            return [f"No request sent: the ledger is read-only ({ledger.readable_only})."]
        if not has_consent(ledger.db, OAUTH):
            return [
                "No request sent: the usage endpoint is off. Readings of other programs here were read again.",
                "Turn it on with `tachograph sources enable oauth`, which explains it first.",
            ]
        done = poller.refresh(ledger, context.env, context.clock)
    if not done:
        return ["No request sent: there is no Claude Code config folder."]
    return [words for one in done if (words := _words(one, calendar, several=len(done) > 1))]


def _words(done: RefreshResult, calendar: Calendar, *, several: bool) -> str:
    who = f"Not asked for {safe(done.folder)}" if several else "Not asked"
    if not done.verdict.ask:
        until = f"{calendar.local(done.verdict.until):%H:%M}" if done.verdict.until else ""
        return f"{who}: {_WHY[done.verdict.why].format(until=until)}."
    if done.outcome == OK:
        return ""
    return f"Asked{f' for {safe(done.folder)}' if several else ''}: {safe(done.problem or done.outcome)}."
