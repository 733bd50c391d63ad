"""Four invented workdays, moment by moment: what Claude Code writes and pipes, and what the service would answer.

Tuesday: a Pro user's 5-hour window fills, and is refused at 11:00, while the newest percentage still says 88. The same
day of a Max user: 5-hour 78, Opus week 91, then credits take over. Friday: on
a Max plan the week stands at 60 and its Opus limit at 94. Sunday: a long loop that continues at 100 %, metered.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple

from tachograph.demo import records, usage_shapes
from tachograph.demo.limits import weight
from tachograph.demo.moments import CWD, Moment, Scenario
from tachograph.demo.records import Record

NAMES = ("tuesday", "tuesday-max", "friday", "sunday")
# About what an answer of `_Work` weighs: dollars at list prices, by class as demo/limits.py weighs them.
_WEIGHTED_DOLLARS = {"claude-opus-4-8": 0.110, "claude-sonnet-4-6": 0.067}
_SESSION = "7b0e5a34-0000-4000-8000-0000000000{:02d}"


def scenario(name: str, now: datetime, scale: float | None = None, elsewhere: float = 0.0) -> Scenario:
    """The workday of that name, on the last such day of the week before or on the day of `now`. KeyError if unknown.

    `scale`: points of a 5-hour window per weighted dollar (demo/limits.py); with it the day's messages cost what its
    percentages say. `elsewhere`: share (0 to 1) of the week that was not used in Claude Code here.
    """
    days = {"tuesday": (_tuesday, 1), "tuesday-max": (_afternoon, 1), "friday": (_friday, 4), "sunday": (_sunday, 6)}
    make, weekday = days[name]
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return make(day - timedelta(days=(day.weekday() - weekday) % 7), _Size(scale, elsewhere))


def _tuesday(day: datetime, size: "_Size") -> Scenario:
    session = _SESSION.format(1)
    resets, week = day + timedelta(hours=12), day + timedelta(days=2, hours=9)
    work = _Work(size, ((session, "Rewrite the tests of the cart", "fix/cart-race", 431),))

    def at(clock: str, says: str, five: float | None, seven: float, cost: float, count: int, **more: Any) -> Moment:
        moment = _at(day, clock)
        piped = (
            _status_line_input(session, "Sonnet 4.6", cost, round(cost * 8), (five, resets), (seven, week))
            if five
            else None
        )
        lines = work.answers(session, moment, "claude-sonnet-4-6", count, five or 0)
        return Moment(moment, says, lines, piped, **more)

    refused = _at(day, "11:00")
    notice = records.limit(
        at=refused,
        text="You've hit your session limit · resets 12pm (UTC)",
        resets_at=resets,
        session=session,
        cwd=CWD,
    )
    corrected = _usage_answer(
        _at(day, "10:40"),
        session=88,
        week=43,
        spent=-1,
        session_resets=resets,
        week_resets=week,
    )
    moments = (
        at("08:05", "The first answer of the day starts a 5-hour window.", 4, 31, 0.21, 3),
        at("09:10", "An hour of review.", 31, 35, 1.12, 9),
        at("10:05", "Tests are rewritten by a loop.", 67, 40, 2.40, 14),
        at("10:30", "The loop goes on.", 91, 43, 3.16, 11),
        at("10:40", "Claude Code asks the service itself, which has corrected the number.", None, 43, 0, 2, cached=corrected),
        Moment(refused, "The next loop does not fit: the service refuses.", (notice,)),
        at("12:02", "The window has reset; work goes on.", 2, 44, 3.30, 2),
    )  # fmt: skip
    moments = (*moments[:-1], _in_a_new_window(moments[-1], resets))
    return Scenario(
        "tuesday",
        "A Pro user's 5-hour window fills up",
        ("claude_pro", "default_claude_ai"),
        False,
        moments,
        session,
        week,
        30.0,
    )


def _in_a_new_window(moment: Moment, begins: datetime) -> Moment:
    piped = json.loads(json.dumps(moment.piped))
    piped["rate_limits"]["five_hour"]["resets_at"] = int((begins + timedelta(hours=5)).timestamp())
    return moment._replace(piped=piped)


def _afternoon(day: datetime, size: "_Size") -> Scenario:
    session = _SESSION.format(5)
    resets, week = day + timedelta(hours=14, minutes=5), day + timedelta(days=2, hours=9)
    work = _Work(size, ((session, "Split the checkout into steps", "feat/checkout-steps", 455),))

    def at(clock: str, says: str, five: int, seven: int, opus: int, count: int, model: str) -> Moment:
        moment = _at(day, clock)
        served = _usage_answer(moment, session=five, week=seven, spent=250, session_resets=resets, week_resets=week)
        served["limits"] += [_scoped_limit("Opus", opus, week)]
        _allow_credits(served, 250, 5_000)
        work.split(served)
        return Moment(moment, says, work.answers(session, moment, model, count, five), served=served)

    moments = (
        at("10:00", "The morning begins with Opus.", 22, 52, 84, 8, "claude-opus-4-8"),
        at("12:13", "Two hours of Opus later the 5-hour limit comes into sight.", 78, 58, 91, 16, "claude-opus-4-8"),
        at("13:40", "The 5-hour limit is reached; usage credits take over, and $2.50 of $50 are spent.", 100, 61, 91, 9,
           "claude-sonnet-4-6"),
    )  # fmt: skip
    return Scenario(
        "tuesday-max",
        "A Max user's afternoon: three limits, each with a number of its own",
        ("claude_max", "default_claude_max_5x"),
        True,
        moments,
        session,
        week,
        47.0,
        MappingProxyType({"opus": 79.0}),
    )


def _friday(day: datetime, size: "_Size") -> Scenario:
    session, review = _SESSION.format(2), _SESSION.format(4)
    week = day + timedelta(days=1, hours=9)
    work = _Work(
        size,
        (
            (session, "Migrate orders to the new tables", "feat/orders-v2", 447),
            (review, "Review the orders migration", "feat/orders-v2", 447),
        ),
    )

    def at(clock: str, says: str, five: int, seven: int, opus: int, sonnet: int, count: int, model: str) -> Moment:
        moment = _at(day, clock)
        resets = day + timedelta(hours=14 if moment.hour < 14 else 19)
        served = _usage_answer(moment, session=five, week=seven, spent=-1, session_resets=resets, week_resets=week)
        served["limits"] += [_scoped_limit("Opus", opus, week), _scoped_limit("Sonnet", sonnet, week)]
        work.split(served)
        lines = work.answers(review if "sonnet" in model else session, moment, model, count, five)
        return Moment(moment, says, lines, served=served)

    moments = (
        at("09:30", "A migration is planned with Opus.", 12, 54, 83, 40, 8, "claude-opus-4-8"),
        at("10:45", "The migration is written.", 34, 57, 88, 40, 16, "claude-opus-4-8"),
        at("11:50", "Its tests are written.", 52, 60, 91, 41, 12, "claude-opus-4-8"),
        at("14:40", "One more table is migrated with Opus.", 5, 60, 94, 41, 6, "claude-opus-4-8"),
        at("15:20", "The review is left to Sonnet.", 9, 60, 94, 41, 10, "claude-sonnet-4-6"),
    )
    return Scenario(
        "friday",
        "A Max user's Opus week is nearly used up",
        ("claude_max", "default_claude_max_5x"),
        True,
        moments,
        session,
        week,
        53.0,
        MappingProxyType({"opus": 81.0, "sonnet": 40.0}),
    )


def _sunday(day: datetime, size: "_Size") -> Scenario:
    session = _SESSION.format(3)
    resets, week = day + timedelta(hours=15), day + timedelta(days=3, hours=9)
    work = _Work(size, ((session, "Rewrite the importer in a loop", "feat/importer", 452),))

    def at(clock: str, says: str, five: int, seven: int, spent: int, count: int) -> Moment:
        moment = _at(day, clock)
        served = _usage_answer(
            moment, session=five, week=seven, spent=spent, session_resets=resets, week_resets=week
        )  # fmt: skip
        _allow_credits(served, spent, 20_000)
        work.split(served)
        lines = work.answers(session, moment, "claude-opus-4-8", count, five, metered=spent / 100)
        return Moment(moment, says, lines, served=served)

    moments = (
        at("10:20", "A loop is left alone with a large rewrite.", 58, 61, 1_200, 14),
        at("11:40", "It goes on.", 93, 66, 1_200, 22),
        at("12:15", "The 5-hour limit is reached; usage credits are on, so it goes on, metered.", 100, 68, 2_150, 18),
        at("13:10", "Still running.", 100, 68, 4_800, 26),
        at("14:05", "Still running.", 100, 68, 7_300, 24),
    )
    return Scenario(
        "sunday",
        "A long loop at 100 %, paid for by credits",
        ("claude_max", "default_claude_max_5x"),
        True,
        moments,
        session,
        week,
        55.0,
    )


def _at(day: datetime, clock: str) -> datetime:
    hour, minute = clock.split(":")
    return day.replace(hour=int(hour), minute=int(minute))


class _Size(NamedTuple):
    """Size of a day's work, see `scenario`."""

    scale: float | None
    elsewhere: float


class _Work:
    """The messages of a day, moment by moment. `sessions`: id, title, branch and number of the pull request of each."""

    def __init__(self, size: _Size, sessions: Sequence[tuple[str, str, str, int]]) -> None:
        self._scale, self._elsewhere = size
        self._sessions = {id: (title, branch, number) for id, title, branch, number in sessions}
        self._begun: set[str] = set()
        self._percent, self._spent = 0.0, 0.0

    def split(self, served: dict[str, Any]) -> None:
        """Make the service's breakdown of the week agree with the week's work here."""
        if self._scale is None:
            return
        chat = round(100 * self._elsewhere)
        rows = (("claude_code", "Claude Code", 100 - chat), ("chat", "Chat", chat))
        served["seven_day_breakdown"] = {
            "as_of": None,
            "window_started_at": None,
            "rows": [{"key": key, "display_name": name, "percent": percent} for key, name, percent in rows],
        }

    def answers(
        self, session: str, until: datetime, model: str, count: int, percent: float, metered: float = 0.0
    ) -> tuple[Record, ...]:
        """Answers in the hour before a moment: `count` of them, or as many as the rise of the 5-hour limit to `percent`
        (and of metered dollars) since the moment before is worth."""
        rise = percent - self._percent if percent >= self._percent else percent
        dollars = max(0.0, metered - self._spent) if self._spent else 0.0
        self._percent, self._spent = percent, metered
        if self._scale is not None:
            weighted = max(rise, 1.0) / self._scale / weight(model) + dollars
            count = max(2, min(240, round(weighted / _WEIGHTED_DOLLARS[model])))
        title, branch, number = self._sessions[session]
        first = until - timedelta(minutes=55)
        made: list[Record] = []
        if session not in self._begun:
            self._begun.add(session)
            made.append(records.user(title.lower(), at=first, session=session, cwd=CWD, branch=branch))
            made.append(records.title(title, session=session))
        for index in range(count):
            at = first + timedelta(minutes=54) * (index + 1) / count
            made.append(
                records.assistant(
                    f"msg_01{until:%d%H%M}{index:03d}".ljust(27, "x"),
                    at=at,
                    model=model,
                    session=session,
                    cwd=CWD,
                    branch=branch,
                    input=12 + index % 9,
                    output=900 + 130 * (index % 7),
                    cache_write_1h=4_000 + 700 * (index % 5),
                    cache_read=60_000 + 3_000 * (index % 20),
                )
            )
        made.append(records.pr_link(number, at=until, session=session, repository="ada/shop"))
        return tuple(made)


def _status_line_input(
    session: str, model: str, cost: float, context: int, five: tuple[float | None, datetime], seven: tuple[float, datetime]
) -> Mapping[str, Any]:  # fmt: skip
    """Claude Code's input for its status line command."""
    windows = {
        key: {"used_percentage": percent, "resets_at": int(resets.timestamp())}
        for key, (percent, resets) in (("five_hour", five), ("seven_day", seven))
    }
    return {
        "session_id": session,
        "cwd": CWD,
        "model": {"id": model.lower().replace(" ", "-"), "display_name": model},
        "cost": {"total_cost_usd": cost},
        "context_window": {"used_percentage": context},
        "rate_limits": windows,
    }


def _usage_answer(moment: datetime, **said: Any) -> dict[str, Any]:
    """An answer of today's shape, without the limits and grants that these days do without."""
    made = usage_shapes.payload("2026-10", moment, scoped=None, **said)
    made["limits"] = [limit for limit in made["limits"] if limit["kind"] != "weekly_scoped"]
    return {**made, "iguana_necktie": None}


def _allow_credits(served: dict[str, Any], spent: int, cap: int) -> None:
    """Let usage credits take over at a limit, up to a cap a month; both in cents."""
    money = {"amount_minor": cap, "currency": "USD", "exponent": 2}
    open_yet = {"disabled_reason": None, "spend_limit_reached": False}
    served["extra_usage"] |= {"monthly_limit": cap, "utilization": 100 * spent / cap, **open_yet}
    budget = {"money": money, "credits": None}
    served["spend"] |= {"limit": money, "cap": budget, "percent": 100 * spent // cap, "disabled_reason": None}


def _scoped_limit(name: str, percent: int, resets: datetime) -> Record:
    return {
        "kind": "weekly_scoped",
        "group": "weekly",
        "percent": percent,
        "severity": "critical" if percent >= 95 else "warning" if percent >= 80 else "normal",
        "resets_at": resets.isoformat(),
        "scope": {"model": {"id": None, "display_name": name}, "surface": None},
        "is_active": False,
    }
