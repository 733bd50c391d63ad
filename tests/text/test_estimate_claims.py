"""Every sentence about an estimate claims only what its values hold.

The sentences are enumerated in the source of text/: each needs a claim below, each claim is held against random values,
and a sentence that no values produced fails the test. So a new sentence cannot go unchecked.
"""

import ast
import inspect
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from estimate_claims import (
    BEST,
    BIN,
    BREAKDOWN,
    EVIDENCE,
    FORECAST,
    LIMIT_SCORE,
    NEXT,
    PART,
    SCORE,
    SESSION,
    SIZES,
    SOURCE,
    TABLE,
    UNEXPLAINED,
    WEIGHTS,
    WHAT_IF,
    WHY,
    WINDOW,
    Claim,
    clock,
)
from estimate_values import Values
from tachograph.text import attribution, chances, what_if

DRAWN = 3000
MODULES: tuple[ModuleType, ...] = (attribution, chances, what_if)


def produced(values: Values) -> Iterator[tuple[Any, str, list[Claim]]]:
    """Values, a sentence that they produced, and the claims of that kind of sentence."""
    found = values.attribution()
    yield found, attribution.why_words(found), WHY
    yield found, attribution.unexplained_words(found), UNEXPLAINED
    yield found, attribution.breakdown_words(found), BREAKDOWN
    yield found, attribution.weights_words(found), WEIGHTS
    yield found, attribution.window_words(found.window_points), [WINDOW]
    if found.by_session:
        yield found, attribution.part_words(found, found.by_session[0], "session"), PART
    for line in attribution.evidence_words(found.evidence, found.method, clock):
        yield found.evidence, line, EVIDENCE
    ahead = values.forecast()
    yield ahead, chances.forecast_words(ahead, clock), FORECAST
    scored = values.calibration()
    for line in chances.calibration_words(scored)[: 1 if scored.limits else None]:
        yield scored, line, SCORE
    for limit in scored.limits:
        yield limit, chances.limit_score_words(limit), LIMIT_SCORE
        for one in limit.bins:
            yield one, chances.bin_words(one), BIN
    following = values.next_session()
    yield following, chances.next_words(following), NEXT
    yield following, chances.sizes_words(following), SIZES
    both = [values.forecast(), ahead]
    yield both, chances.source_words(both), SOURCE
    moved = values.what_if()
    for line in what_if.what_if_words(moved):
        yield moved, line, WHAT_IF
    table = values.table()
    for line in what_if.table_words(table):
        yield table, line, TABLE
    yield table, what_if.best_words(table), BEST
    for row in table.sessions:
        yield row, what_if.session_words(row), SESSION


@pytest.fixture(scope="module")
def sentences() -> list[tuple[Any, str, list[Claim]]]:
    values = Values(11)
    return [one for _ in range(DRAWN) for one in produced(values) if one[1]]


def test_every_sentence_claims_what_its_values_hold(sentences: list[tuple[Any, str, list[Claim]]]) -> None:
    patterns = {claim.pattern: re.compile(claim.pattern) for _, _, claims in sentences[:200] for claim in claims}
    used: set[str] = set()
    for values, sentence, claims in sentences:
        matching = [claim for claim in claims if patterns.setdefault(claim.pattern, re.compile(claim.pattern)).fullmatch(sentence)]  # fmt: skip
        assert matching, f"no claim is written for: {sentence}"
        match = patterns[matching[0].pattern].fullmatch(sentence)
        assert match is not None
        assert matching[0].holds(values, match), (sentence, values)
        used.add(matching[0].pattern)
    wanted = {claim.pattern for _, _, claims in sentences for claim in claims}
    assert used == wanted, f"no values produced: {wanted - used}"


# -- every sentence in the source is among those that were produced

# Short texts (rows, notifications, the status line): their claims are in test_short_claims.py.
SHORT = {"chance_short", "chance_before", "guard_chance", "alarm_words", "status_chance"}


def templates(source: str) -> Iterator[tuple[str, re.Pattern[str]]]:
    """The texts of four words or more in the functions of a module, as patterns with their places open."""
    tree = ast.parse(source)
    for function in [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name not in SHORT]:
        documentation = ast.get_docstring(function, clean=False)
        inner = {id(part) for node in ast.walk(function) if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in ast.walk(function):
            parts = node.values if isinstance(node, ast.JoinedStr) else [node]
            if id(node) in inner and not isinstance(node, ast.JoinedStr):
                continue
            texts = [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
            if texts and texts != [documentation] and len(re.findall(r"[A-Za-z']+", " ".join(texts))) >= 4:
                pattern = "".join(
                    re.escape(part.value) if isinstance(part, ast.Constant) and isinstance(part.value, str) else ".*"
                    for part in parts
                )
                yield f"{function.name}: {' … '.join(texts)}", re.compile(pattern)


def test_no_sentence_in_the_source_goes_unchecked(sentences: list[tuple[Any, str, list[Claim]]]) -> None:
    every = "\n".join(dict.fromkeys(sentence for _, sentence, _ in sentences))
    found = [one for module in MODULES for one in templates(inspect.getsource(module))]
    assert len(found) > 60
    assert [name for name, pattern in found if not pattern.search(every)] == []


def test_a_new_sentence_without_a_claim_is_found(sentences: list[tuple[Any, str, list[Claim]]]) -> None:
    source = 'def new_words(n: int) -> str:\n    return f"This limit will surely last {n} days more."\n'
    ((name, pattern),) = templates(source)
    assert name.startswith("new_words: This limit will surely last")
    assert not any(pattern.search(sentence) for _, sentence, _ in sentences)
