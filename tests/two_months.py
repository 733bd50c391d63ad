"""Two months of one account as status lines show them, with what real series have: whole percentages, windows on the full
hour, resets that jitter, several sessions at once, idle ones that repeat theirs across resets, nights, a granted reset, a
moved week, larger limits, and refusals."""

import random
from collections.abc import Iterable, Iterator
from typing import NamedTuple

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
BEGIN = 1_790_000_400_000 // HOUR * HOUR
DAYS = 60
_GRANTS = (11.4, 37.6)  # days after which everybody's limits begin again, with their resets unmoved
_MOVED = 24.3  # the week ends then, and has another hour from then on
_LARGER = 45.0  # both limits grow by half: what is used falls to two thirds


class Draw(NamedTuple):
    """One redraw of a status line: percentages and resets (epoch ms) of its session's last answer. `is_answer`:
    the session got one just now. `truth`: the newest value that any session knew of each limit, by key."""

    at: int
    session: str
    api_ms: int
    five: tuple[float, int]
    week: tuple[float, int]
    truth: dict[str, tuple[float, int]]
    is_answer: bool


class _Window:
    def __init__(self, length: int, resets_at: int) -> None:
        self.length, self.resets_at, self.used = length, resets_at, 0.0

    def at(self, now: int, *, on_the_hour: bool) -> None:
        if now < self.resets_at:
            return
        self.used = 0.0
        if on_the_hour:
            self.resets_at = now // HOUR * HOUR + self.length
        while now >= self.resets_at:
            self.resets_at += self.length


def draws(seed: int = 1, days: int = DAYS) -> Iterator[Draw]:
    """All redraws of a series, oldest first."""
    rnd = random.Random(seed)
    five, week = _Window(5 * HOUR, BEGIN), _Window(7 * DAY, BEGIN + 3 * DAY + 5 * HOUR)
    sessions: dict[str, tuple[int, tuple[float, int], tuple[float, int]]] = {}
    truth: dict[str, tuple[float, int]] = {}
    events = [(BEGIN + int(day * DAY), "grant") for day in _GRANTS]
    events = sorted([*events, (BEGIN + int(_MOVED * DAY), "move"), (BEGIN + int(_LARGER * DAY), "grow")])
    now, number, scale = BEGIN, 0, 1.0
    while now < BEGIN + days * DAY:
        now += rnd.choice((2, 3, 5, 8, 20)) * MINUTE + rnd.randrange(MINUTE)
        hour = now // HOUR % 24
        if hour < 8:  # the night; open sessions are redrawn at waking
            now += (8 - hour) * HOUR + rnd.randrange(HOUR)
        while events and now >= events[0][0]:
            scale = _happen(events.pop(0)[1], five, week, scale, now)
        five.at(now, on_the_hour=True)
        week.at(now, on_the_hour=False)
        if not sessions or (len(sessions) < 4 and rnd.random() < 0.03):
            number += 1
            sessions[f"s{number:04}"] = (0, (0.0, 0), (0.0, 0))
        if len(sessions) > 2 and rnd.random() < 0.02:
            del sessions[rnd.choice(sorted(sessions))]
        session = rnd.choice(sorted(sessions))
        api_ms, *known = sessions[session]
        is_heavy = now // DAY % 7 < 3
        is_answer = api_ms == 0 or rnd.random() < 0.55
        if is_answer:
            five.used = min(100.0, five.used + rnd.expovariate(1 / (5.0 if is_heavy else 1.5)) * scale)
            week.used = min(100.0, week.used + rnd.expovariate(1 / (0.6 if is_heavy else 0.2)) * scale)
            jitter = rnd.choice((0, 0, 1000))
            known = [(float(round(one.used)), one.resets_at // 1000 * 1000 + jitter) for one in (five, week)]
            api_ms += rnd.randrange(900, 60_000)
            sessions[session] = (api_ms, known[0], known[1])
            truth = {"five_hour": known[0], "seven_day": known[1]}
        yield Draw(now, session, api_ms, known[0], known[1], truth, is_answer)


def since(begin: int, series: Iterable[Draw]) -> Iterator[Draw]:
    """The redraws from a moment on, of sessions that got an answer since."""
    known: set[str] = set()
    for draw in series:
        if draw.at >= begin and (draw.is_answer or draw.session in known):
            known.add(draw.session)
            yield draw


def _happen(kind: str, five: _Window, week: _Window, scale: float, now: int) -> float:
    if kind == "grant":
        five.used = week.used = 0.0
    elif kind == "move":
        week.used, week.resets_at = 0.0, now // HOUR * HOUR + 4 * DAY + 7 * HOUR
    else:
        five.used, week.used = five.used / 1.5, week.used / 1.5
        return scale / 1.5
    return scale
