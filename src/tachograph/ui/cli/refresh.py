"""`now --refresh`: ask the usage endpoint, or explain why that is not possible."""

from tachograph.ledger.storage.open import open_ledger
from tachograph.model.limits.limits import OK
from tachograph.model.usage.periods import Calendar
from tachograph.paths import Paths
from tachograph.recorder.poller import RefreshResult
from tachograph.text.format import safe
from tachograph.text.limits import SOURCE_WORDS
from tachograph.ui.cli.context import Context

_WHY = {
    "barred": "the service asked us to wait until {until}; an earlier request would prolong that",
    "recent": "the last request was less than a minute ago: its answer is shown",
    "active": "a session there had a message less than a minute ago, so its status line is as new",
    "claimed": "another program is asking right now: its answer will be here in a few seconds",
    "forgotten": "its account is hidden: show it again with `tachograph accounts show NAME`",
}


def refresh(paths: Paths, calendar: Calendar, context: Context) -> list[str]:
    """Ask for every config folder; in words what did not come of it. Raises LedgerError."""
    from tachograph.recorder import poller

    with open_ledger(paths, context.clock.now_ms()) as ledger:
        if ledger.readable_only:
            return [f"Nothing was asked: the ledger is read-only ({ledger.readable_only})."]
        if not poller.methods(ledger):
            return [
                "Nothing was asked: no source that can be asked is on. Files of other programs were read again.",
                "`tachograph sources enable claude_code` asks Claude Code itself, `… enable oauth` the usage endpoint.",
            ]
        done = poller.refresh(ledger, context.env, context.clock)
    if not done:
        return ["Nothing was asked: there is no Claude Code config folder."]
    folders, sources = ({getattr(one, name) for one in done} for name in ("folder", "source"))
    words = (_words(one, calendar, len(folders) > 1, len(sources) > 1) for one in done)
    return [line for line in words if line]


def _words(done: RefreshResult, calendar: Calendar, several_folders: bool, several_sources: bool) -> str:
    """Why a folder was not asked for, or what went wrong; "" if it answered."""
    by = f" {SOURCE_WORDS[done.source]}" if several_sources else ""
    of = f" for {safe(done.folder)}" if several_folders else ""
    if not done.verdict.ask:
        until = f"{calendar.local(done.verdict.until):%H:%M}" if done.verdict.until else ""
        return f"Not asked{by}{of}: {_WHY[done.verdict.why].format(until=until)}."
    if done.outcome == OK:
        return ""
    return f"Asked{by}{of}: {safe(done.problem or done.outcome)}."
