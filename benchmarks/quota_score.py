#!/usr/bin/env python3
"""Score estimates of simulated traces against their hidden truth: quota_score.py [--table] TRUTH_DIR ESTIMATE_DIR [KIND ...]

ESTIMATE_DIR holds NAME.estimate.json (benchmarks/quota.py writes them) for every NAME.truth.json in TRUTH_DIR of the named
kinds. Prints one JSON object, or a table with a row for each kind. Standard library only.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

FRESH = 14  # days after a changed limit or plan in which more error is allowed
LIMITS = {"five_hour": "decisions", "seven_day": "week_decisions"}
Figures = dict[str, Any]


def mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None


def inside(truth: float, band: Mapping[str, float], low: str = "low", high: str = "high") -> bool:
    return band[low] <= truth <= band[high]


def kind_of(path: Path) -> str:
    return path.name.split("-")[0]


def score(truth_dir: Path, estimate_dir: Path, kinds: Sequence[str] = ()) -> Figures:
    """All figures of the traces of some kinds (of all, if none are named), pooled; `by_kind` has them for each kind."""
    paths = [path for path in sorted(truth_dir.glob("*.truth.json")) if not kinds or kind_of(path) in kinds]
    loaded = [
        (
            kind_of(path),
            json.loads(path.read_text()),
            json.loads((estimate_dir / path.name.replace(".truth.", ".estimate.")).read_text()),
        )
        for path in paths
    ]
    made = _score([(truth, guess) for _, truth, guess in loaded])
    made["by_kind"] = {
        kind: _score([(truth, guess) for of, truth, guess in loaded if of == kind])
        for kind in sorted({of for of, _, _ in loaded})
    }
    return made


class _Attribution:
    """Errors and coverage of shares, collected trace by trace."""

    def __init__(self) -> None:
        self.opus: list[float] = []
        self.unexplained: list[float] = []
        self.session: list[float] = []
        self.cover: dict[str, list[bool]] = {"model": [], "unexplained": [], "session": []}
        self.errors: dict[str, dict[bool, list[float]]] = {
            "opus": {True: [], False: []},
            "unexplained": {True: [], False: []},
        }
        self.bias: list[float] = []
        self.like_list: list[bool] = []
        self.unanswered: list[bool] = []
        self.windows: set[tuple[int, float]] = set()
        self.shown: list[bool] = []
        self.scoped: list[float] = []

    def add_week(self, week: Figures, guess: Figures) -> None:
        fresh = week.get("days_after_event") is not None and week["days_after_event"] <= FRESH
        for model, share in week["share_of_used"].items():
            band = guess["share_of_used"].get(model, {"value": 0.0, "low": 0.0, "high": 0.0})
            self.cover["model"].append(inside(share, band))
            if "opus" in model:
                self.opus.append(abs(share - band["value"]) * 100)
                self.errors["opus"][fresh].append(self.opus[-1])
        self.bias.append((guess["unexplained"]["value"] - week["unexplained"]) * 100)
        self.unexplained.append(abs(self.bias[-1]))
        self.errors["unexplained"][fresh].append(self.unexplained[-1])
        self.cover["unexplained"].append(inside(week["unexplained"], guess["unexplained"]))
        self.unanswered.append(not guess["share_of_used"])
        if "list_price_share" in week:
            like = _is_like_list(guess, week)
            self.like_list += [] if like is None else [like]

    def figures(self) -> Figures:
        made: Figures = {
            "opus_share_mae_points": mean(self.opus),
            "unexplained_mae_points": mean(self.unexplained),
            "session_mae_points": mean(self.session),
            "coverage_80": {name: mean([float(one) for one in values]) for name, values in self.cover.items()},
            "unexplained_bias_points": mean(self.bias),
            "weeks": len(self.unexplained),
            "weeks_after_event": len(self.errors["unexplained"][True]),
            "weeks_unanswered": mean([float(one) for one in self.unanswered]),
            "weeks_like_list_price": mean([float(one) for one in self.like_list]),
            "sessions": len(self.session),
            "session_windows": len(self.windows),
            "shown_wrong": mean([float(one) for one in self.shown]),
            "scoped_unexplained_mae_points": mean(self.scoped),
        }
        for what, by_age in self.errors.items():
            made[f"{what}_mae_after_event"], made[f"{what}_mae_settled"] = mean(by_age[True]), mean(by_age[False])
        return made


def _score(pairs: Sequence[tuple[Figures, Figures]]) -> Figures:
    found = _Attribution()
    for number, (truth, guess) in enumerate(pairs):
        weeks = {week["resets_at"]: week for week in guess["weeks"]}
        for week in truth["weeks"]:
            found.add_week(week, weeks[week["resets_at"]])
        by_session = {(one["session"], one["window_resets_at"]): one["points"] for one in guess["sessions"]}
        for one in truth["sessions"]:
            band = by_session[one["session"], one["window_resets_at"]]
            found.session.append(abs(one["points"] - band["value"]))
            found.cover["session"].append(inside(one["points"], band))
            found.windows.add((number, one["window_resets_at"]))
        answers = {one["at"]: one for one in guess.get("shown", ())}
        for one in truth.get("shown", ()):
            if one["at"] in answers:
                answer = answers[one["at"]]
                found.shown.append(any(answer.get(key) is None or abs(answer[key] - one[key]) > 1 for key in LIMITS))
        scoped = {(one["model"], one["resets_at"]): one["unexplained"] for one in guess.get("scoped_weeks", ())}
        for one in truth.get("scoped_weeks", ()):
            if (one["model"], one["resets_at"]) in scoped:
                value = scoped[one["model"], one["resets_at"]]["value"]
                found.scoped.append(abs(value - one["unexplained"]) * 100)
    limits = {limit: _forecasts(pairs, key) for limit, key in LIMITS.items()}
    five = limits["five_hour"]
    return {
        **found.figures(),
        **{key: five[key] for key in ("brier", "brier_base_rate", "ece", "decisions", "hit_rate")},
        "brier_of_base_rate": round(five["brier"] / five["brier_base_rate"], 4) if five["brier_base_rate"] else None,
        "traces": len(pairs),
        "limits": limits,
    }


def _is_like_list(guess: Figures, week: Figures) -> bool | None:
    """Is an answer the split by list price under another name? None if the true split is too close to that to tell."""
    whole = sum(band["value"] for band in guess["share_of_used"].values())
    true = sum(week["share_of_used"].values())
    listed = week["list_price_share"]
    if true <= 0 or max(abs(week["share_of_used"][name] / true - listed[name]) for name in listed) < 0.02:
        return None
    return whole > 0 and all(
        abs(guess["share_of_used"].get(name, {"value": 0.0})["value"] / whole - share) < 0.005
        for name, share in listed.items()
    )


def _forecasts(pairs: Iterable[tuple[Figures, Figures]], key: str) -> Figures:
    """Chances of one limit: each forecast counted, and each window (a week, five hours) counted once."""
    rows: list[tuple[float, float, tuple[int, float]]] = []
    times: list[bool] = []
    ends: list[bool] = []
    asked = 0
    for number, (truth, guess) in enumerate(pairs):
        by_moment = {one["at"]: one for one in guess.get(key, ())}
        for one in truth.get(key, ()):
            asked += 1
            answer = by_moment.get(one["at"])
            if answer is None or answer.get("p_wall") is None:
                continue
            rows.append((answer["p_wall"], float(one["hit"]), (number, one["resets_at"])))
            when, end = answer.get("wall_minutes"), answer.get("ends")
            if one["hit"] and when:
                times.append(when["p10"] <= one["wall_minutes"] <= when["p90"])
            if end and "end_percent" in one:
                ends.append(end["p10"] - 0.5 <= one["end_percent"] <= end["p90"] + 0.5)
    names = ("hit_rate", "brier", "brier_base_rate", "ece", "brier_per_window", "brier_base_rate_per_window")
    made: Figures = {"asked": asked, "decisions": len(rows), "windows": 0, **dict.fromkeys(names)}
    made["wall_minutes_coverage_80"] = mean([float(one) for one in times])
    made["ends_coverage_80"] = mean([float(one) for one in ends])
    if not rows:
        return made
    rate = sum(hit for _, hit, _ in rows) / len(rows)
    bins: dict[int, list[float]] = {}
    by_window: dict[tuple[int, float], list[tuple[float, float]]] = {}
    for chance, hit, window in rows:
        bins.setdefault(min(9, int(chance * 10)), []).append(chance - hit)
        by_window.setdefault(window, []).append((chance, hit))
    each = [
        (sum((chance - hit) ** 2 for chance, hit in one) / len(one), sum(hit for _, hit in one) / len(one))
        for one in by_window.values()
    ]
    rate_w = sum(hit for _, hit in each) / len(each)
    # a window may reach the limit, be set to 0 by the service and go on: then it has both outcomes, and its part of each
    base_w = sum(hit * (1 - rate_w) ** 2 + (1 - hit) * rate_w**2 for _, hit in each) / len(each)
    return made | {
        "windows": len(each),
        "hit_rate": round(rate, 4),
        "brier": round(sum((chance - hit) ** 2 for chance, hit, _ in rows) / len(rows), 4),
        "brier_base_rate": round(rate * (1 - rate), 4),
        "ece": round(sum(abs(sum(one)) for one in bins.values()) / len(rows), 4),
        "brier_per_window": round(sum(error for error, _ in each) / len(each), 4),
        "brier_base_rate_per_window": round(base_w, 4),
    }


HEAD = ("kind", "users", "Opus", "unexplained", "bias", "session", "80 % holds m/u/s", "5 h", "week", "ends 5 h/week")


def table(made: Figures) -> list[tuple[str, ...]]:
    """A row for each kind. Errors in points: settled weeks / soon after a change; chances: squared error by window of that
    of the base rate."""

    def pair(a: float | None, b: float | None) -> str:
        return "–" if a is None and b is None else _number(a) if b is None else f"{_number(a)} / {_number(b)}"

    rows: list[tuple[str, ...]] = []
    for kind, one in made["by_kind"].items():
        five, week = one["limits"]["five_hour"], one["limits"]["seven_day"]
        rows.append(
            (
                kind,
                str(one["traces"]),
                pair(one["opus_mae_settled"], one["opus_mae_after_event"]),
                pair(one["unexplained_mae_settled"], one["unexplained_mae_after_event"]),
                _number(one["unexplained_bias_points"]),
                _number(one["session_mae_points"]),
                " / ".join(_number(value) for value in one["coverage_80"].values()),
                pair(five["brier_per_window"], five["brier_base_rate_per_window"]),
                pair(week["brier_per_window"], week["brier_base_rate_per_window"]),
                pair(five["ends_coverage_80"], week["ends_coverage_80"]),
            )
        )
    return rows


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}".rstrip("0").rstrip(".") if abs(value) < 1 else f"{value:.1f}"


def markdown(made: Figures) -> str:
    """The table as documentation holds it."""
    rows = [HEAD, tuple("---" for _ in HEAD), *table(made)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "--table"]
    if len(words) < 2:
        sys.exit(__doc__)
    figures = score(Path(words[0]), Path(words[1]), words[2:])
    print(markdown(figures) if "--table" in sys.argv else json.dumps(figures, indent=1))
