"""Short texts about chances, the sentences of the week's card and of `reconcile` claim only what their values hold."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tachograph.text
from estimate_claims import UNEXPLAINED, WEIGHTS, WINDOW, Claim, clock, is_percent, near
from estimate_values import NOW, Values
from tachograph.model.limits.limits import FIVE_HOUR, SEVEN_DAY
from tachograph.queries.estimates import constants as of
from tachograph.queries.estimates.reconcile import Money, Reconciled
from tachograph.queries.limits.current import FRESH
from tachograph.queries.limits.now_limit import NowLimit
from tachograph.queries.usage.rows import Spend
from tachograph.text import card_week, chances, reconcile
from tachograph.text.format import UNKNOWN

DRAWN = 2000
CHANCE = r"(under 5 %|over 95 %|\d+ %)"


def is_chance(words: str, chance: float) -> bool:
    if words == "under 5 %":
        return chance < 0.05
    return chance > 0.95 if words == "over 95 %" else near(words.removesuffix(" %"), 100 * chance)


def is_word(word: str, chance: float) -> bool:
    return {"likely": 0.5 <= chance < 0.85, "very likely": chance >= 0.85}[word]


ROW = [Claim(CHANCE + r" chance to hit the limit", lambda v, m: v >= 0.05 and is_chance(m[1], v))]
BEFORE = [Claim(CHANCE + r" chance to hit the limit before 14:00", lambda v, m: is_chance(m[1], v))]
STATUS = [Claim(r"limit (likely|very likely) (.+)", lambda v, m: v >= 0.5 and is_word(m[1], v) and is_chance(m[2], v))]
GUARD = [Claim(r"it is at 60 % with a chance of (.+) to be reached before it resets", lambda v, m: is_chance(m[1], v))]
ALARM = [Claim(CHANCE + r" chance that the 5-hour limit is reached before it resets 14:00\.", lambda v, m: is_chance(m[1], v))]  # fmt: skip


def is_largest(v: Any, m: re.Match[str]) -> bool:
    named = re.findall(r"(\S+) \((under 1 %|\d+ %)\)", m[2])
    parts = {part.name: part.share.value for part in v.by_session}
    shares = [parts[name] for name, _ in named]
    right = all(is_percent(words, parts[name]) for name, words in named)
    return right and len(named) == (2 if m[1] == "s" else 1) and min(shares) >= 0.1


LARGEST = [Claim(r"Largest session(s?): (.+)\.", is_largest)]
DIFFERENCES = [
    Claim(r"The 5-hour window fills faster than the week: .+", lambda v, m: v.five.percent >= v.week.percent + 20),
    Claim(r"The week is fuller than the window: .+", lambda v, m: v.week.percent >= v.five.percent + 20),
    Claim(WINDOW.pattern, lambda v, m: WINDOW.holds(v.why, m)),
    *(Claim(one.pattern, lambda v, m, one=one: one.holds(v.why, m)) for one in (*UNEXPLAINED, *WEIGHTS)),  # type: ignore[misc]
    Claim(r"Your logs explain little of this limit \(about (.+) of what was read lately\), .+", lambda v, m: v.why.method == of.LITTLE and is_percent(m[1], v.why.evidence.fit)),
    Claim(r"The weight of each model against the limit is not known yet, .+", lambda v, m: v.why.method in (of.LIST_PRICE, of.NOTHING) and v.why.used is not None),
    Claim(r"([\d,]+) messages? of an unknown account (?:is|are) left out\.", lambda v, m: int(m[1].replace(",", "")) == v.unattributed > 0),
    Claim(r"Opus week is a limit of its own, and blocks that model alone\.", lambda v, m: v.model_week.percent is not None),
]  # fmt: skip


def is_dollars(words: str, value: float) -> bool:
    return abs(float(words.replace(",", "")) - value) <= 0.0051


def is_change(words: str, week: float, usual: float) -> bool:
    change = 100 * (week / usual - 1)
    if words == "as much as":
        return abs(change) <= 0.51
    found = re.fullmatch(r"(\d+) % (more|less) than", words)
    return found is not None and abs(int(found[1]) - abs(change)) <= 0.51 and (found[2] == "more") == (change > 0)


BUDGET = [
    Claim(r"no priced message yet", lambda v, m: v[0] is None and v[3] is None),
    Claim(r"\$([\d.,]+) this month, (\d+) % of the budget of \$([\d.,]+)", lambda v, m: is_dollars(m[1], v[0]) and near(m[2], 100 * v[0] / v[1]) and is_dollars(m[3], v[1])),
    Claim(r"\$([\d.,]+) this month", lambda v, m: is_dollars(m[1], v[0]) and v[3] is None),
    Claim(r"\$([\d.,]+) in seven days; there are no weeks before to compare with", lambda v, m: is_dollars(m[1], v[3]) and (v[2] is None or v[2] < 0.005)),
    Claim(r"\$([\d.,]+) in seven days, (.+) the mean of the four weeks before", lambda v, m: is_dollars(m[1], v[3]) and is_change(m[2], v[3], v[2])),
]  # fmt: skip


def limit(values: Values, key: str, label: str) -> NowLimit | None:
    percent = None if values.maybe(0.1) else 100 * values.share()
    return None if values.maybe(0.1) else NowLimit(key, label, "weekly", None, percent, NOW, None, "oauth", NOW, FRESH)


def reconciled(values: Values) -> Reconciled:
    five, week, opus = (limit(values, key, label) for key, label in ((FIVE_HOUR, "5-hour"), (SEVEN_DAY, "7-day"), ("opus", "Opus week")))  # fmt: skip
    why = values.attribution() if values.maybe(0.9) else None
    money = Money(Spend(), None, Spend(), None)
    return Reconciled(
        NOW, 1, "ada", money, five, week, opus, None, None, why, False, values.random.choice((0, 1, 1200))
    )


def produced(values: Values) -> Iterator[tuple[Any, str, list[Claim]]]:
    chance = values.share()
    yield chance, chances.chance_short(chance), ROW
    yield chance, chances.chance_before(chance, NOW + 5 * 3_600_000, clock), BEFORE
    yield chance, chances.status_chance(chance), STATUS
    yield chance, chances.guard_chance("it is at 60 %", chance), GUARD
    yield chance, chances.alarm_words("5-hour", chance, NOW + 5 * 3_600_000, clock)[1], ALARM
    found = values.attribution()
    second = values.part("refactor", learned=found.method == of.LEARNED)
    sessions = sorted((*found.by_session, second), key=lambda part: -(part.share.value if part.share else 0.0))
    found = found._replace(by_session=tuple(sessions) if found.by_session else ())
    yield found, card_week.sessions_words(found), LARGEST
    three = reconciled(values)
    for line in reconcile.reconcile_differences(three):
        yield three, line, DIFFERENCES
    money = [None if values.maybe(0.3) else values.random.choice((0.001, 1.0, 40.0, 41.0, 1234.5)) for _ in range(4)]
    yield money, reconcile.budget_words(*money), BUDGET


def test_short_texts_the_card_and_reconcile_claim_what_their_values_hold() -> None:
    values = Values(5)
    used, wanted = set(), set()
    for _ in range(DRAWN):
        for value, sentence, claims in produced(values):
            wanted |= {claim.pattern for claim in claims}
            if not sentence:
                continue
            matching = [(claim, match) for claim in claims if (match := re.fullmatch(claim.pattern, sentence))]
            assert matching, f"no claim is written for: {sentence}"
            claim, match = matching[0]
            assert claim.holds(value, match), (sentence, value)
            used.add(claim.pattern)
    assert used == wanted, f"no values produced: {wanted - used}"


# Definitions, which hold for all values, and words that are part of a sentence above.
DEFINITIONS = {"reconcile_words", "card_words", "advice_words", "large_sessions"}
SHORT = {"chance_short", "chance_before", "guard_chance", "alarm_words", "status_chance"}
TESTED = {*SHORT, "sessions_words", "reconcile_differences", "budget_words"}
# Sentences of chances with claims in test_estimate_claims.py, and parts of sentences.
LONG = {
    "forecast_words",
    "calibration_words",
    "limit_score_words",
    "bin_words",
    "next_words",
    "sizes_words",
    "source_words",
}
LONG |= {"chance_word", "chance_percent", "_rate", "_why_no_chance"}
CELLS = {"chance_cell", "ends_cell"}


def test_cells_of_a_forecast_show_unknown_as_a_dash_and_never_pass_100_percent() -> None:
    assert (chances.chance_cell(None), chances.ends_cell(None)) == (UNKNOWN, UNKNOWN)
    assert chances.chance_cell(0.38) == "38 %"
    assert chances.ends_cell({"low": 40.4, "value": 50.0, "high": 61.6}) == "40–62 %"
    assert chances.ends_cell({"low": 99.7, "value": 104.0, "high": 120.0}) == "100 %"


def test_no_function_of_sentences_about_estimates_goes_without_a_claim() -> None:
    for path in Path(tachograph.text.__file__).parent.glob("*.py"):
        source = path.read_text(encoding="utf-8")
        if "queries.estimates" not in source or path.stem in {"attribution", "what_if"}:
            continue
        names = {node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}
        assert names <= DEFINITIONS | TESTED | LONG | CELLS, (path.name, names - DEFINITIONS - TESTED - LONG - CELLS)
    called = inspect.getsource(produced)
    assert [name for name in TESTED if f".{name}(" not in called] == []
