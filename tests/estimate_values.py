"""Values behind sentences about estimates, drawn at random over everything that the queries can return."""

from random import Random

from tachograph.model.estimates.attribution import Estimate
from tachograph.model.limits.limits import FIVE_HOUR, SEVEN_DAY, SPEND_LIMIT, Share
from tachograph.queries.estimates import constants as of
from tachograph.queries.estimates.attribution import Attribution, Evidence, Measured, Part
from tachograph.queries.estimates.forecast import LimitForecast
from tachograph.queries.estimates.next_session import NextSession
from tachograph.queries.estimates.scoring import Bin, Calibration, LimitScore
from tachograph.queries.estimates.what_if import WhatIf
from tachograph.queries.estimates.what_if_table import MixRow, SessionRow, WhatIfTable
from tachograph.queries.limits.current import FRESH

NOW, HOUR = 1_000_000_000_000, 3_600_000
MODELS = ("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5")


class Values:
    """Random values of every kind of answer; the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def maybe(self, chance: float = 0.5) -> bool:
        return self.random.random() < chance

    def share(self, most: float = 1.0) -> float:
        """Often near the edges, where words change."""
        edge = self.random.choice((0.0, 0.003, 0.005, 0.02, 0.05, 0.3, 0.995, 1.0))
        return min(most, edge) if self.maybe(0.4) else self.random.random() * most

    def estimate(self, most: float = 1.0) -> Estimate:
        low, value, high = sorted(self.share() * most for _ in range(3))
        if self.maybe():
            low, high = value - 0.3 * (value - low), value + 0.3 * (high - value)
        return Estimate(value, low, high)

    def part(self, name: str, *, learned: bool) -> Part:
        share = self.estimate() if learned else None
        points = None if share is None else Estimate(*(100 * one for one in share))
        return Part(name, name, share, points, self.share())

    def evidence(self) -> Evidence:
        factor = self.random.choice((0.3, 0.7, 0.85, 1.2, 1.6, 2.0, 3.0))
        changed, larger = (self.maybe(0.6) for _ in range(2))
        is_limit = self.maybe()  # the two factors of one changed limit cancel each other
        return Evidence(
            self.random.randint(0, 60), self.random.random() * 60, 10, 7.0, self.random.randint(0, 5000),
            self.random.randint(0, 2), ("claude-new-1",) if self.maybe() else (),
            NOW if changed else None, factor if changed else None, self.maybe(), self.share(),
            NOW + HOUR if larger else None,
            (1 / factor if is_limit else self.random.choice((0.8, 1.5, 2.5))) if larger else None,
        )  # fmt: skip

    def attribution(self) -> Attribution:
        method = self.random.choice((of.LEARNED,) * 4 + (of.LIST_PRICE, of.LITTLE, of.NOTHING))
        learned = method == of.LEARNED
        limit = self.random.choice((SEVEN_DAY, SEVEN_DAY, FIVE_HOUR, "seven_day_opus"))
        shown = method in (of.LEARNED, of.LIST_PRICE)
        models, projects, sessions, pulls = (
            tuple(self.part(name, learned=learned) for name in names) if shown else ()
            for names in (("opus-5-5", "sonnet-5-5"), ("api-gateway",), ("review",), ("ada/shop#4",))
        )
        rows = self.breakdown() if self.maybe() and limit == SEVEN_DAY else ()
        return Attribution(
            int(self.maybe(0.95)), "ada", limit, method, None if self.maybe(0.1) else 100 * self.share(), NOW,
            NOW - HOUR, NOW + self.random.choice((-1, 1)) * HOUR, NOW, models, projects, sessions, pulls,
            self.estimate() if learned and self.maybe(0.9) else None, self.evidence(),
            (Measured("Opus week", 40.0, NOW),) if self.maybe() else (), rows,
            self.estimate(20) if self.maybe() else None, self.random.choice((1, 1, 1, 4, 0)),
        )  # fmt: skip

    def breakdown(self) -> tuple[Share, ...]:
        code = self.random.randint(0, 100)
        chat = self.random.randint(0, 100 - code)
        rows = (
            Share("claude_code", "Claude Code", code),
            Share("chat", "Chat", chat),
            Share("cowork", "Cowork", 100 - code - chat),
        )
        return rows if self.maybe(0.9) else rows[1:]

    def forecast(self) -> LimitForecast:
        why_not = self.random.choice(("", "", "", "", of.AT_WALL, of.NO_RESET, of.OLD, of.NO_CAP, of.NO_READING))
        chance = None if why_not else self.share()
        p10 = NOW + self.random.randint(0, 3) * HOUR if chance and self.maybe() else None
        p90 = None if p10 is None else p10 + self.random.randint(0, 2) * HOUR
        kind = self.random.choice((of.WALL_OF, of.CAP_OF, of.BUDGET_OF))
        key, label = (SPEND_LIMIT, "Monthly spend limit") if kind == of.BUDGET_OF else (FIVE_HOUR, "5-hour")
        resets_at = NOW + 5 * HOUR if self.maybe(0.9) else None
        if why_not and self.maybe(0.3):
            resets_at = NOW - HOUR
        return LimitForecast(
            1, key, label, 50.0 if self.maybe(0.7) else None, resets_at, FRESH, chance, chance, p10, p10, p90, kind,
            self.random.randint(0, 3), NOW, why_not,
        )  # fmt: skip

    def score(self) -> LimitScore:
        rate = self.random.choice((0.0, 1.0, self.share()))
        base = rate * (1 - rate)
        windows = self.random.randint(1, 60)
        bins = (Bin(0.1, 0.2, 9, self.share(), 3, self.random.randint(1, 9), 1.0), Bin(0.3, 0.4, 9, 0.31, 3))
        return LimitScore("seven_day", "7-day", 9 * windows, windows, rate, base * self.random.random() * 2, base, bins)

    def calibration(self) -> Calibration:
        if self.maybe(0.1):
            return Calibration((), 0, 0, None, None, None)
        limits = (self.score(), self.score())
        windows = sum(one.windows for one in limits)
        return Calibration((), 9 * windows, windows, 0.1, 0.2, NOW, limits)

    def next_session(self) -> NextSession:
        sizes = sorted(self.random.random() * 130 for _ in range(self.random.randint(1, 60)))
        left = None if self.maybe(0.1) else self.random.choice((0.0, 0.4, 100.0, 100 * self.random.random()))
        more = 0 if left is None else sum(size > left for size in sizes)
        why_not = of.LITTLE if self.maybe(0.1) else ""
        half, most = sizes[len(sizes) // 2], sizes[min(len(sizes) - 1, int(0.9 * len(sizes)))]
        return NextSession(
            left, len(sizes), more, half, most, sizes[-1], None, len(sizes) >= 8 and not why_not, why_not
        )

    def end(self) -> Estimate:
        return self.estimate(self.random.choice((40, 90, 160, 400)))

    def what_if(self) -> WhatIf:
        why_not = self.random.choice(("", "", "", of.NO_WEEK, of.NO_WEIGHTS, of.NO_WORK, of.LITTLE))
        runs = self.maybe(0.8)
        ends = [None] * 4 if why_not else [self.end() if runs else None, self.end() if runs else None, self.end(), self.end()]  # fmt: skip
        return WhatIf(
            1, MODELS[1], self.random.choice((1.0, 0.4)), 30.0, NOW, ends[0], ends[1],
            self.estimate(20) if self.maybe() else None, 20.0, why_not, ends[2], ends[3],
        )  # fmt: skip

    def table(self) -> WhatIfTable:
        why_not = self.random.choice(("", "", "", of.NO_WEEK, of.NO_WEIGHTS, of.NO_WORK, of.LITTLE))
        runs = self.maybe(0.9)
        shares: list[tuple[tuple[str, float], ...]] = [(), *(((model, 1.0),) for model in MODELS)]
        shares += [((MODELS[0], 0.5), (MODELS[1], 0.5)), ((MODELS[0], 0.2), (MODELS[2], 0.8))]
        rows = tuple(MixRow(one, self.end() if runs else None, self.end(), self.maybe(0.7)) for one in shares)
        is_one = self.maybe(0.2)
        return WhatIfTable(
            1, 30.0, NOW, () if why_not or is_one else rows,
            () if why_not or (is_one and self.maybe()) else (self.session(),),
            None, 20.0, NOW, self.share(), why_not,
        )  # fmt: skip

    def session(self) -> SessionRow:
        points = self.estimate(self.random.choice((0.04, 3, 40)))
        on = tuple((model, points if self.maybe(0.3) else self.estimate(30)) for model in MODELS)
        return SessionRow("review", "1a2b3c", points, on)
