"""Home of a workday: weeks of history before it, then the day itself up to a moment at which the clock stands.

History, limits, refusals and the service's breakdown come from one story: the hidden points of a window per dollar of
the history size the messages of the day, and the week of the history ends where the day begins. The day is the same
for the same seed, whatever weekday it is played on.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tachograph.clock import FixedClock
from tachograph.demo import limits as invented_limits
from tachograph.demo import moments, scenarios, transcripts
from tachograph.demo.moments import Scenario
from tachograph.errors import UsageError
from tachograph.ledger.storage.open import open_ledger
from tachograph.model.limits.plans import plan_name
from tachograph.model.usage.prices import load
from tachograph.paths import own_paths
from tachograph.ui.cli.context import Context
from tachograph.ui.cli.demo import limits
from tachograph.ui.cli.demo.scenario import MomentState, play

HISTORY_DAYS = 42
_MODELS = {"claude-fable-5-1": "claude-sonnet-5-5"}  # Ada's plan has no Fable week in these days
_EVENING = timedelta(hours=18, minutes=30)


def build(name: str, context: Context, seed: int, at: str = "") -> tuple[Scenario, list[MomentState], Context]:
    """Live through a workday until `at` (HH:MM in UTC, "" for its end) in the home of `context.env`; the moments so far,
    and a context with a clock that stands at that time. UsageError for a time that is none."""
    began = datetime.fromtimestamp(context.clock.now_ms() / 1000, UTC)
    context = context._replace(env={**context.env, "TZ": "UTC"})
    story = _with_history(name, began, context, seed)
    until = _until(story, at)
    states = list(_play_until(story, context, until))
    ms = int(until.timestamp() * 1000)
    env = {**context.env, "TACHOGRAPH_NOW": str(ms)}
    return story, states, context._replace(env=env, clock=FixedClock(ms))


def _with_history(name: str, began: datetime, context: Context, seed: int) -> Scenario:
    """Write the weeks before the day, and the readings of them; the day in their measure."""
    config = Path(context.env["CLAUDE_CONFIG_DIR"])
    plain = scenarios.scenario(name, began)
    evening = plain.moments[0].at.replace(hour=0, minute=0) - timedelta(days=1) + _EVENING
    transcripts.write(config, end=evening, days=HISTORY_DAYS, seed=seed, models=_MODELS)
    moments.sign_in(config, plain)
    ms = int(evening.timestamp() * 1000)
    identity = limits.ADA._replace(plan=plan_name(*plain.plan, ms) or "")
    story = invented_limits.Story(
        week_reset=plain.week_resets.timestamp(), week_end=plain.week_before, scoped_end=plain.scoped_before
    )
    with open_ledger(own_paths(context.env), ms) as ledger:
        folder, book = context.env["CLAUDE_CONFIG_DIR"], load()[0]
        made = limits.invent(
            ledger,
            book,
            context.env,
            folder,
            ms,
            HISTORY_DAYS,
            seed=seed,
            has_phone=False,
            story=story,
            identity=identity,
        )
    return scenarios.scenario(name, began, made.scale, made.elsewhere(plain.week_resets.timestamp()))


def _play_until(story: Scenario, context: Context, until: datetime) -> Iterator[MomentState]:
    """Play the moments until a time."""
    past = tuple(moment for moment in story.moments if moment.at <= until)
    yield from play(story._replace(moments=past), context)


def _until(story: Scenario, at: str) -> datetime:
    day = story.moments[0].at
    if not at:
        return story.moments[-1].at + timedelta(minutes=5)
    try:
        until = datetime.strptime(at, "%H:%M").replace(tzinfo=UTC)
    except ValueError as error:
        raise UsageError(f"--at {at}: give a time of the day, such as 15:25.") from error
    until = day.replace(hour=until.hour, minute=until.minute)
    if until < day:
        raise UsageError(f"--at {at}: the story of this day begins at {day:%H:%M} (UTC).")
    return until
