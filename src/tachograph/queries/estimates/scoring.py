"""Score past forecasts, each limit apart and by window: a hundred forecasts of one week are one observation."""

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import NamedTuple
from tachograph.ledger.estimates import forecasts as stored
from tachograph.model.parsing import limit_name

ENOUGH_WINDOWS = 20  # windows of a limit before its score says anything


class Bin(NamedTuple):
    """Forecasts of about the same chance: from, to, how many, their mean, how many came true; `windows` they are about, of
    which `windows_true` reached the limit."""

    low: float
    high: float
    forecasts: int
    mean: float
    came_true: int
    windows: int = 0
    windows_true: float = 0.0


class LimitScore(NamedTuple):
    """Forecasts of one limit. `brier`: mean squared error, each window counted once; `base_brier` the same of always saying
    how often the limit is reached. `is_enough`: False if there are too few windows to judge."""

    key: str
    label: str
    forecasts: int
    windows: int
    hit_rate: float
    brier: float
    base_brier: float
    bins: tuple[Bin, ...]

    @property
    def is_enough(self) -> bool:
        return self.windows >= ENOUGH_WINDOWS


class Calibration(NamedTuple):
    """Score of the forecasts on this machine: all of them in `bins`, `brier` and `base_brier` (None without any), and each
    limit apart in `limits`. `windows`: how many windows they are about."""

    bins: tuple[Bin, ...]
    forecasts: int
    windows: int
    brier: float | None
    base_brier: float | None
    since: int | None
    limits: tuple[LimitScore, ...] = ()


def calibration(
    db: sqlite3.Connection, account: int | None = None, key: str | None = None, since: int = 0
) -> Calibration:
    """Outcomes of stored forecasts, in tenths of the chance, since a moment (epoch ms)."""
    found, windows = stored.tenths(db, account, key, since)
    forecasts = sum(one.forecasts for one in found)
    if not forecasts:
        return Calibration((), 0, 0, None, None, None)
    bins = tuple(
        Bin(one.tenth / 10, (one.tenth + 1) / 10, one.forecasts, one.chances / one.forecasts, one.hits) for one in found
    )
    rate = sum(one.hits for one in found) / forecasts
    brier = sum(one.squares for one in found) / forecasts
    limits = tuple(_limit(one, list(rows)) for one, rows in _by_key(stored.by_window(db, account, key, since)).items())
    return Calibration(bins, forecasts, windows, brier, rate * (1 - rate), min(one.first_at for one in found), limits)


def _by_key(rows: list[stored.WindowTenth]) -> dict[str, list[stored.WindowTenth]]:
    made: dict[str, list[stored.WindowTenth]] = {}
    for row in rows:
        made.setdefault(row.key, []).append(row)
    return made


def _limit(key: str, rows: list[stored.WindowTenth]) -> LimitScore:
    """The score of one limit, each window counted once however many forecasts it has."""
    sizes: dict[tuple[int, int], int] = {}
    hits: dict[tuple[int, int], float] = {}
    squares: dict[tuple[int, int], float] = {}
    tenths: dict[int, list[stored.WindowTenth]] = {}
    for row in rows:
        window = (row.account, row.cycle)
        sizes[window] = sizes.get(window, 0) + row.forecasts
        hits[window] = hits.get(window, 0.0) + row.hits
        squares[window] = squares.get(window, 0.0) + row.squares
        tenths.setdefault(row.tenth, []).append(row)
    count = len(sizes)
    rate = sum(hits[window] / sizes[window] for window in sizes) / count
    brier = sum(squares[window] / sizes[window] for window in sizes) / count
    bins = []
    for tenth, parts in sorted(tenths.items()):
        forecasts = sum(part.forecasts for part in parts)
        by_window = [part.hits / part.forecasts for part in parts]
        mean = sum(part.chances / part.forecasts for part in parts) / len(parts)
        bins.append(
            Bin(
                tenth / 10,
                (tenth + 1) / 10,
                forecasts,
                mean,
                sum(part.hits for part in parts),
                len(parts),
                sum(by_window),
            )
        )
    return LimitScore(
        key, limit_name(key).label, sum(sizes.values()), count, rate, brier, rate * (1 - rate), tuple(bins)
    )
