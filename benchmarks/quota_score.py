#!/usr/bin/env python3
"""Hold estimates of simulated traces against their hidden truth: quota_score.py TRUTH_DIR ESTIMATE_DIR [KIND …]

ESTIMATE_DIR holds NAME.estimate.json (benchmarks/quota.py writes them) for every NAME.truth.json in TRUTH_DIR whose name
begins with one of the kinds. Prints one JSON object; standard library only.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None


def inside(truth: float, band: dict[str, float]) -> float:
    return float(band["low"] <= truth <= band["high"])


def score(truth_dir: Path, estimate_dir: Path, kinds: Sequence[str] = ("",)) -> dict[str, Any]:
    opus: list[float] = []
    unexplained: list[float] = []
    sessions: list[float] = []
    cover: dict[str, list[float]] = {"model": [], "unexplained": [], "session": []}
    forecasts: list[tuple[float, float]] = []
    walls: list[float] = []
    for path in sorted(truth_dir.glob("*.truth.json")):
        if not path.name.startswith(tuple(kinds)):
            continue
        truth = json.loads(path.read_text())
        guess = json.loads((estimate_dir / path.name.replace(".truth.", ".estimate.")).read_text())
        weeks = {week["resets_at"]: week for week in guess["weeks"]}
        for week in truth["weeks"]:
            said = weeks[week["resets_at"]]
            for model, share in week["share_of_used"].items():
                band = said["share_of_used"].get(model, {"value": 0.0, "low": 0.0, "high": 0.0})
                cover["model"].append(inside(share, band))
                if "opus" in model:
                    opus.append(abs(share - band["value"]) * 100)
            unexplained.append(abs(week["unexplained"] - said["unexplained"]["value"]) * 100)
            cover["unexplained"].append(inside(week["unexplained"], said["unexplained"]))
        by_session = {(one["session"], one["window_resets_at"]): one["points"] for one in guess["sessions"]}
        for one in truth["sessions"]:
            band = by_session[one["session"], one["window_resets_at"]]
            sessions.append(abs(one["points"] - band["value"]))
            cover["session"].append(inside(one["points"], band))
        asked = {one["at"]: one for one in guess["decisions"]}
        for one in truth["decisions"]:
            said = asked[one["at"]]
            forecasts.append((said["p_wall"], float(one["hit"])))
            if one["hit"] and said.get("wall_minutes"):
                when = said["wall_minutes"]
                walls.append(float(when["p10"] <= one["wall_minutes"] <= when["p90"]))
    rate = sum(hit for _, hit in forecasts) / len(forecasts)
    bins: dict[int, list[tuple[float, float]]] = {}
    for chance, hit in forecasts:
        bins.setdefault(min(9, int(chance * 10)), []).append((chance, hit))
    off = sum(abs(sum(chance - hit for chance, hit in group)) for group in bins.values())
    brier, base = sum((chance - hit) ** 2 for chance, hit in forecasts) / len(forecasts), rate * (1 - rate)
    return {
        "opus_share_mae_points": mean(opus),
        "unexplained_mae_points": mean(unexplained),
        "session_mae_points": mean(sessions),
        "coverage_80": {name: mean(values) for name, values in cover.items()},
        "brier": round(brier, 4),
        "brier_base_rate": round(base, 4),
        "brier_of_base_rate": round(brier / base, 4) if base else None,
        "ece": round(off / len(forecasts), 4),
        "wall_minutes_coverage_80": mean(walls),
        "decisions": len(forecasts),
        "hit_rate": round(rate, 4),
    }


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    print(json.dumps(score(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:] or ("",)), indent=1))
