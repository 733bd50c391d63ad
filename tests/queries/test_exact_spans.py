"""What was used in a stretch that begins beside the quarter hour: every message of it, and none beside it."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers import NOW_MS, Home
from tachograph.demo.records import assistant
from tachograph.model.usage.periods import Span
from tachograph.model.usage.prices import load
from tachograph.queries.usage.spend import exact_spend_in_spans
from tachograph.text.format import iso

BOOK = load()[0]
MINUTE = 60_000
START = NOW_MS - 5 * 3_600_000 + 7 * MINUTE + 11_123  # as windows of limits begin: with the first message of theirs
AT = [START - 1, START, START + 1, START + 8 * MINUTE, START + 100 * MINUTE, START + 299 * MINUTE, START + 300 * MINUTE]


def test_a_window_holds_its_first_message_and_none_from_before(home: Home) -> None:
    home.write("p/s.jsonl", [assistant(f"M{n}", at=iso(at), output=10**n) for n, at in enumerate(AT)])
    home.ingest()
    with home.ledger() as ledger:
        used, nothing = exact_spend_in_spans(
            ledger.db, BOOK, [Span(START, START + 300 * MINUTE), Span(START + 2 * MINUTE, START + 3 * MINUTE)]
        )
        assert used.tokens.output == 10 + 100 + 1000 + 10_000 + 100_000
        assert used.usd is not None
        assert nothing.tokens.messages == 0


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(-20, 400), min_size=1, max_size=12, unique=True), st.integers(-30, 380), st.integers(0, 90))
def test_any_stretch_holds_what_lies_in_it(home: Home, minutes: list[int], since: int, length: int) -> None:
    home.write("p/s.jsonl", [assistant(f"P{n}", at=iso(START + n * MINUTE)) for n in minutes])
    home.ingest()
    with home.ledger() as ledger:
        known = [at for (at,) in ledger.db.execute("SELECT at FROM answer")]
        start = START + since * MINUTE
        end = start + length * MINUTE + 1
        (used,) = exact_spend_in_spans(ledger.db, BOOK, [Span(start, end)])
        assert used.tokens.messages == sum(start <= at < end for at in known)
