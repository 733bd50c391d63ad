#!/usr/bin/env python3
"""Refit the shipped prior of forecasts: benchmarks/refit_chances.py TRACES_DIR [--leave-out] [OUT]

Reads the traces as benchmarks/quota.py does, and writes model/estimates/forecast_prior.json (or OUT). `--leave-out` fits without each
user in turn and says how well those are forecast: the honest number. Needs numpy, which the program itself does not.
"""

import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import tachograph.model
from quota import Account, load
from tachograph.model.estimates import forecast
from tachograph.model.estimates.training_windows import FULL, WEEK, same

_WEEK_EVERY = 4 * 3600
_KNOTS = 12


def account_of(path: Path) -> Account:
    trace = load(path)
    return Account(trace.messages, trace.readings, trace.plans)


def five_hours(account: Account) -> Iterator[tuple[forecast.Pace, float, bool, float | None]]:
    """Of every quarter hour of every window: how it stood, what part of the rest was used in the end, whether the wall came,
    and in how many minutes."""
    for window in account.windows:
        readings = [r for r in account.during(window.start, window.reset) if same(r.five_reset, window.reset)]
        last = 0.0
        for place, reading in enumerate(readings):
            at = reading.at
            if (reading.five or 0) >= FULL or at - last < forecast.EVERY or window.reset - at < 120:
                continue
            last = at
            account.advance(at)
            seen = account.pace(readings[: place + 1], at)
            wall = next((r.at for r in readings[place:] if (r.five or 0) >= FULL), None)
            if seen is not None:
                rest = (max(r.five or 0 for r in readings) - seen.used) / (100 - seen.used)
                yield seen, min(1.0, max(0.0, rest)), wall is not None, None if wall is None else (wall - at) / 60


def weeks(account: Account) -> Iterator[tuple[forecast.WeekPace, float, bool, float | None]]:
    by_reset: dict[float, list[Any]] = {}
    for reading in account.readings:
        if reading.week is not None and reading.week_reset is not None:
            by_reset.setdefault(reading.week_reset, []).append(reading)
    done: list[float] = []
    for reset, readings in by_reset.items():
        last = 0.0
        for place, reading in enumerate(readings):
            if reading.week >= FULL or reading.at - last < _WEEK_EVERY or reading.at < reset - WEEK + 6 * 3600:
                continue
            last = reading.at
            seen = forecast.week_pace(readings[: place + 1], reading.at, done[-6:])
            wall = next((r.at for r in readings[place:] if r.week >= FULL), None)
            if seen is not None and readings[-1].at > reset - 86_400:
                rest = (max(r.week for r in readings) - seen.used) / (100 - seen.used)
                minutes = None if wall is None else (wall - reading.at) / 60
                yield seen, min(1.0, max(0.0, rest)), wall is not None, minutes
        done.append(max(r.week for r in readings))


def fit(x: Any, y: Any, ridge: float) -> Any:
    """Logistic regression on standardised columns, ridge on all but the intercept; coefficients for the raw ones."""
    mean, sd = x.mean(0), x.std(0) + 1e-9
    z = np.column_stack([np.ones(len(x)), (x - mean) / sd])
    b = np.zeros(z.shape[1])
    pull = np.eye(len(b)) * ridge
    pull[0, 0] = 0
    for _ in range(40):
        p = 1 / (1 + np.exp(-z @ b))
        step = np.linalg.solve(
            (z * (p * (1 - p))[:, None]).T @ z + pull + 1e-9 * np.eye(len(b)), z.T @ (y - p) - pull @ b
        )
        b += np.clip(step, -2, 2)
        if abs(step).max() < 1e-7:
            break
    slopes = b[1:] / sd
    return np.concatenate([[b[0] - slopes @ mean], slopes])


def fit_wall(x: Any, share: Any) -> tuple[Any, Any]:
    """The logit of the part of the time left after which the wall came; and how its residuals spread."""
    y = np.log(share / (1 - share))
    z = np.column_stack([np.ones(len(x)), x])
    b = np.linalg.solve(z.T @ z + np.eye(z.shape[1]), z.T @ y)
    return b, np.quantile(y - z @ b, [0.1, 0.5, 0.9])


def table(rows: list[Any], features: Any, walls: Any, unit: float) -> tuple[Any, ...]:
    x = np.array([features(seen) for seen, *_ in rows]) if rows else np.zeros((0, 0))
    y = np.array([float(hit) for _, _, hit, _ in rows])
    came = [(seen, minutes) for seen, _, hit, minutes in rows if hit and minutes and minutes < seen.left * unit]
    wx = np.array([walls(seen) for seen, _ in came])
    share = np.clip(np.array([minutes / (seen.left * unit) for seen, minutes in came]), 0.002, 0.998)
    return x, y, wx, share, np.array([rest for _, rest, _, _ in rows]), [seen for seen, *_ in rows]


def chances_of(b: Any, user: tuple[Any, ...]) -> Any:
    """Chances by coefficients; those of weeks as people steer them."""
    p = 1 / (1 + np.exp(-(b[0] + user[0] @ b[1:])))
    steered = [
        forecast.steer(float(one), seen) if isinstance(seen, forecast.WeekPace) else float(one)
        for one, seen in zip(p, user[5], strict=True)
    ]
    return np.array(steered)


def fan(p: Any, rest: Any) -> list[list[float]]:
    """By the chance of the wall: of what was left, how much was used in the end in one, five and nine of ten cases."""
    order = np.argsort(p)
    knots = [
        [float(p[part].mean()), *(float(v) for v in np.quantile(rest[part], [0.1, 0.5, 0.9]))]
        for part in np.array_split(order, _KNOTS)
    ]
    for before, after in itertools.pairwise(knots):  # a larger chance never means less
        after[1:] = [max(a, b) for a, b in zip(before[1:], after[1:], strict=True)]
    return [[round(v, 4) for v in knot] for knot in knots]


def main(traces: Path, out: Path | None, *, leave_out: bool) -> None:
    per_user: dict[str, tuple[Any, Any]] = {}
    for path in sorted(traces.glob("*.jsonl.gz")):
        account = account_of(path)
        five = table(list(five_hours(account)), forecast.features, forecast.time_features, 1)
        week = table(list(weeks(account)), forecast.week_features, forecast.week_time_features, 60)
        per_user[path.name] = (five, week)
    made: dict[str, Any] = {
        "from": "simulated users: there were no traces of real ones when this was made; the account's own past counts more with every window",
        "refit": "benchmarks/refit_chances.py TRACES_DIR",
        "users": len(per_user),
        "version": forecast.VERSION,
    }
    for which, (name, ridge) in enumerate((("five_hour", 1.0), ("seven_day", 3.0))):
        users = {user: tables[which] for user, tables in per_user.items() if len(tables[which][1])}
        kept = list(users.values())
        if leave_out:
            parts = []
            for user in users:
                rest = [one for other, one in users.items() if other != user]
                b = fit(np.concatenate([t[0] for t in rest]), np.concatenate([t[1] for t in rest]), ridge)
                parts.append((chances_of(b, users[user]), users[user][1]))
            p, y = (np.concatenate(part) for part in zip(*parts, strict=True))
            base = y.mean() * (1 - y.mean())
            kinds = sorted({user.split("-")[0] for user in users})
            for kind in kinds:
                mine = [pair for user, pair in zip(users, parts, strict=True) if user.split("-")[0] == kind]
                q, z = (np.concatenate(part) for part in zip(*mine, strict=True))
                spread = z.mean() * (1 - z.mean())
                print(f"  {name} {kind}: {((q - z) ** 2).mean():.4f}, base rate {spread:.4f}")
            print(
                f"{name}: {len(y)} forecasts, {y.mean():.3f} came true, Brier {((p - y) ** 2).mean() / base:.3f} of the base rate's"
            )
        b = fit(np.concatenate([t[0] for t in kept]), np.concatenate([t[1] for t in kept]), ridge)
        walls = [t for t in kept if len(t[3])]
        wb, spread = fit_wall(np.concatenate([t[2] for t in walls]), np.concatenate([t[3] for t in walls]))
        made[name] = {
            "chance": [round(float(v), 5) for v in b],
            "wall": [round(float(v), 5) for v in wb],
            "wall_spread": [round(float(spread[0]), 4), round(float(spread[2]), 4)],
            "wall_middle": round(float(spread[1]), 4),
            "fan": fan(
                np.concatenate([chances_of(b, t) for t in kept]),
                np.concatenate([t[4] for t in kept]),
            ),
            "forecasts": sum(len(t[1]) for t in kept),
        }
    target = out or Path(tachograph.model.__file__).parent / "estimates" / "forecast_prior.json"
    target.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    given = [word for word in sys.argv[1:] if word != "--leave-out"]
    if not given:
        sys.exit(__doc__)
    main(Path(given[0]), Path(given[1]) if len(given) > 1 else None, leave_out="--leave-out" in sys.argv)
