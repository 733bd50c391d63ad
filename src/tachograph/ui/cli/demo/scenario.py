"""`tachograph demo --scenario`: an invented workday, moment by moment, through everything that a real one goes through.

Claude Code's files are written, its status line is fed, the fake service answers over loopback; what is shown comes
from the ledger, as it would for a person.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tachograph.clock import FixedClock
from tachograph.demo import moments
from tachograph.demo.moments import Moment, Scenario
from tachograph.demo.service import Service
from tachograph.ledger.storage.open import open_ledger
from tachograph.ledger.storage.preferences import CONSENT, set_preference
from tachograph.model.limits.limits import OAUTH
from tachograph.model.usage.periods import Calendar, parsed_zone
from tachograph.paths import own_paths
from tachograph.queries.limits.current import Now
from tachograph.queries.limits.current import now as now_question
from tachograph.queries.limits.guard import Verdict, judge
from tachograph.recorder import poller
from tachograph.recorder.ingest import ingest
from tachograph.recorder.notifications import Notification, clock, send_due_notification
from tachograph.recorder.passive_sources import collect
from tachograph.recorder.statusline import StatusInput, parse_status_input, store
from tachograph.settings import NotificationSettings
from tachograph.ui.cli.context import Context
from tachograph.ui.cli.guard import said as guard_words
from tachograph.ui.documents import now as now_surface
from tachograph.ui.documents.statusline import line


class MomentState(NamedTuple):
    """State at a moment: limits, status line, the guard's verdict, and the notifications sent."""

    moment: Moment
    now: Now
    line: str
    verdict: Verdict
    alarms: tuple[Notification, ...]


def play(scenario: Scenario, context: Context) -> Iterator[MomentState]:
    """Live through a workday in the home that `context.env` names, which has to be empty."""
    paths, config = own_paths(context.env), Path(context.env["CLAUDE_CONFIG_DIR"])
    calendar = Calendar(*parsed_zone("UTC"))
    moments.sign_in(config, scenario)
    with Service({}, profile=moments.profile(scenario)) as service:
        env = {**context.env, poller.BASE: service.base}
        for moment in scenario.moments:
            at = int(moment.at.timestamp() * 1000)
            moments.write_moment(config, scenario, moment)
            with open_ledger(paths, at) as ledger:
                ingest(ledger, env, at)
                collect(ledger, env, at)
                account, piped = None, StatusInput()
                if moment.piped is not None:
                    piped = parse_status_input(json.dumps(moment.piped).encode(), at)
                    account = store(ledger, piped, str(config))
                if scenario.asks and moment.served is not None:
                    with ledger.transaction() as db:
                        set_preference(db, CONSENT + OAUTH, "on", at)
                    service.say(moment.served)
                    poller.refresh(ledger, env, FixedClock(at))
                now = now_question(ledger.db, at)
                given = send_due_notification(
                    ledger, now, NotificationSettings(), 12 * 60, clock(calendar, at), _no_desktop
                )
            shown = line(now, account, piped.reading, piped.model, piped.cost_usd, piped.context_percent)
            yield MomentState(moment, now, shown, judge(now), tuple(given))


def show(scenario: Scenario, states: Sequence[MomentState], context: Context) -> None:
    """Show each moment of a workday, and the limits at the time at which the clock stands."""
    out, style = context.out, context.style
    calendar = Calendar(*parsed_zone("UTC"))
    print(f"{style.bold}{scenario.title}{style.end}  ({scenario.moments[0].at:%A}, times in UTC)", file=out)
    for state in states:
        print(f"\n{style.bold}{state.moment.at:%H:%M}{style.end}  {state.moment.says}", file=out)
        print(f"       title        {now_surface.title(state.now, 'medium')}", file=out)
        print(f"       status line  {state.line}", file=out)
        words = guard_words(state.verdict, calendar, state.now.at)
        print(f"       guard        exit {state.verdict.exit_code}  {words}", file=out)
        for alarm in state.alarms:
            print(f"       notice       {alarm.text}", file=out)
    now = context.clock.now_ms()
    with open_ledger(own_paths(context.env), now) as ledger:
        last = now_question(ledger.db, now)
    print(f"\n{style.dim}$ tachograph now{style.end}", file=out)
    for row in now_surface.screen(last, calendar, context.columns, style, blocks=context.can_show("█")):
        print(row, file=out)


def _no_desktop(title: str, text: str, sound: bool) -> str:
    """Replace desktop notifications: a demo sends none."""
    return ""
