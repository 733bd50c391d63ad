"""The shipped estimators over traces of messages and readings, run as benchmarks/quota.py runs them: each answer from
rows up to its own moment alone, and (where TACHOGRAPH_TRACES names a folder of simulated traces) as exact as promised."""

import gzip
import json
import os
import random
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tachograph.demo import limits

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))
T0, DAY = 2900 * limits.WEEK, 86_400.0


def rows(days: int) -> list[dict[str, Any]]:
    """An invented month, as a trace holds it."""
    chance = random.Random(5)
    messages: list[dict[str, Any]] = []
    for day in range(days):
        for number in range(2):
            at = T0 + day * DAY + (9 + 5 * number) * 3600.0
            model = chance.choice(("claude-opus-4-8", "claude-sonnet-4-6"))
            for _ in range(chance.randint(20, 60)):
                at += chance.uniform(30, 200)
                counts = {"input": 200, "output": chance.randint(500, 6000), "cache_write_5m": chance.randint(1000, 20_000), "cache_write_1h": 0, "cache_read": chance.randint(20_000, 300_000)}  # fmt: skip
                messages.append({"type": "message", "at": at, "session": f"s{day}-{number}", "model": model, **counts})
    dollars = import_module("quota").dollars

    used = [limits.PricedMessage(m["at"], m["session"], m["model"], dollars(m)) for m in messages]
    readings = [
        {
            "type": "reading",
            "at": said.at,
            "five_hour": {"percent": said.five, "resets_at": said.five_reset},
            "seven_day": {"percent": said.week, "resets_at": said.week_reset},
        }
        for said in limits.readings(used, T0 + days * DAY).said
    ]
    return sorted([*messages, *readings], key=lambda row: row["at"])


def write(folder: Path, name: str, trace: list[dict[str, Any]], questions: dict[str, Any]) -> None:
    folder.mkdir(exist_ok=True)
    with gzip.open(folder / f"{name}.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in trace)
    (folder / f"{name}.questions.json").write_text(json.dumps(questions))


def estimates(folder: Path, out: Path) -> dict[str, Any]:
    done = subprocess.run([sys.executable, str(ROOT / "benchmarks" / "quota.py"), str(folder), str(out)], capture_output=True, text=True, timeout=300)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {path.name.partition(".")[0]: json.loads(path.read_text()) for path in out.glob("*.estimate.json")}


def test_an_answer_uses_no_row_later_than_its_question(tmp_path: Path) -> None:
    trace = rows(24)
    reading = [row for row in trace if row["type"] == "reading" and row["five_hour"]["resets_at"]]
    late = [row for row in reading if row["at"] > T0 + 20 * DAY][7]
    reset = late["five_hour"]["resets_at"]
    session = next(row["session"] for row in trace if row["type"] == "message" and row["at"] > reset - 5 * 3600)
    week = {"resets_at": late["seven_day"]["resets_at"], "until": late["at"]}
    asked = {
        "week": ({"weeks": [week], "sessions": [], "decisions": []}, late["at"]),
        "decision": ({"weeks": [], "sessions": [], "decisions": [{"at": late["at"], "resets_at": reset}]}, late["at"]),
        "session": (
            {"weeks": [], "sessions": [{"session": session, "window_resets_at": reset}], "decisions": []},
            reset,
        ),
    }
    for name, (questions, until) in asked.items():
        write(tmp_path / "traces", f"{name}-whole", trace, questions)
        write(tmp_path / "traces", f"{name}-cut", [row for row in trace if row["at"] <= until], questions)
    made = estimates(tmp_path / "traces", tmp_path / "out")
    for name in asked:
        assert made[f"{name}-whole"] == made[f"{name}-cut"], name
    (answer,) = made["week-whole"]["weeks"]
    shares = [*answer["share_of_used"].values(), answer["unexplained"]]
    assert sum(share["value"] for share in shares) == pytest.approx(1, abs=0.001)
    assert all(0 <= share["low"] <= share["value"] <= share["high"] <= 1 for share in shares)
    (decision,) = made["decision-whole"]["decisions"]
    assert 0 < decision["p_wall"] < 1
    (points,) = made["session-whole"]["sessions"]
    assert points["points"]["low"] <= points["points"]["value"] <= points["points"]["high"]


def test_without_any_reading_the_answers_say_that_they_know_nothing(tmp_path: Path) -> None:
    trace = [row for row in rows(3) if row["type"] == "message"]
    at = T0 + 2 * DAY
    questions = {
        "weeks": [{"resets_at": T0 + 7 * DAY, "until": at}],
        "sessions": [],
        "decisions": [{"at": at, "resets_at": at + 3600}],
    }
    write(tmp_path / "traces", "empty", trace, questions)
    made = estimates(tmp_path / "traces", tmp_path / "out")["empty"]
    assert made["weeks"][0]["unexplained"] == {"value": 0.5, "low": 0.0, "high": 1.0}
    assert made["decisions"][0]["wall_minutes"] is None


@pytest.mark.soak
def test_the_simulated_traces_are_met_as_exactly_as_promised(tmp_path: Path) -> None:
    traces = Path(os.environ.get("TACHOGRAPH_TRACES") or "-")
    if not traces.is_dir():
        pytest.skip("TACHOGRAPH_TRACES names no folder of simulated traces")
    score = import_module("quota_score").score

    estimates(traces, tmp_path / "out")

    def of(*kinds: str) -> dict[str, Any]:
        made: dict[str, Any] = score(traces, tmp_path / "out", kinds or ("",))
        return made

    base, both, misspec, whole = of("base"), of("base", "shift"), of("misspec"), of()
    assert base["opus_share_mae_points"] <= 1.5
    assert of("quiet")["opus_share_mae_points"] <= 2
    assert of("remote")["opus_share_mae_points"] <= 2.5
    assert misspec["opus_share_mae_points"] <= 5
    assert base["unexplained_mae_points"] <= 2.5
    assert of("remote")["unexplained_mae_points"] <= 5
    assert base["session_mae_points"] <= 0.7
    assert 0.72 <= whole["coverage_80"]["session"] <= 0.92
    assert min(whole["coverage_80"]["model"], whole["coverage_80"]["unexplained"]) >= 0.7
    assert min(misspec["coverage_80"].values()) >= 0.6
    assert both["brier_of_base_rate"] <= 0.8
    assert both["ece"] <= 0.05
