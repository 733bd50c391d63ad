"""What-if over a ledger: all models and mixes beside the answer for one, and sessions on other models."""

import pytest

from helpers import NOW_MS
from six_weeks import leading_account
from tachograph.ledger.storage.connection import Ledger
from tachograph.model.limits.limits import SEVEN_DAY
from tachograph.model.usage.prices import PriceBook
from tachograph.queries.estimates.attribution import attribution
from tachograph.queries.estimates.constants import LITTLE, NO_WEIGHTS
from tachograph.queries.estimates.learning import load as load_state
from tachograph.queries.estimates.what_if import what_if
from tachograph.queries.estimates.what_if_table import WhatIfTable, session_table, what_if_table
from tachograph.text.what_if import best_words


def table(ledger: Ledger, book: PriceBook) -> WhatIfTable:
    return what_if_table(ledger.db, book, leading_account(ledger), NOW_MS)


def test_the_row_of_a_model_is_the_answer_for_that_model(ledger: Ledger, book: PriceBook) -> None:
    found = table(ledger, book)
    assert found.as_is is not None and found.as_is.shares == ()
    assert len(found.singles) >= 3
    for row in found.singles:
        one = what_if(ledger.db, book, leading_account(ledger), NOW_MS, row.shares[0][0])
        assert (one.changed, one.next_changed) == (row.this_week, row.next_week)
        assert (one.as_is, one.next_as_is) == (found.as_is.this_week, found.as_is.next_week)


def test_a_mix_ends_between_its_models_and_mixes_lie_in_the_order_of_their_shares(
    ledger: Ledger, book: PriceBook
) -> None:
    found = table(ledger, book)
    alone = {row.shares[0][0]: row.next_week.value for row in found.singles}
    mixes = [row for row in found.rows if len(row.shares) == 2]
    assert mixes
    for row in mixes:
        (heavy, share), (light, rest) = row.shares
        assert share + rest == pytest.approx(1)
        assert row.next_week.value == pytest.approx(share * alone[heavy] + rest * alone[light])
        assert alone[light] < row.next_week.value < alone[heavy]


def test_every_family_of_models_has_a_row_and_an_unused_one_is_less_certain(ledger: Ledger, book: PriceBook) -> None:
    found = table(ledger, book)
    names = " ".join(row.shares[0][0] for row in found.singles)
    assert all(family in names for family in ("opus", "sonnet", "haiku"))
    for row in found.rows:
        for end in (row.this_week, row.next_week):
            assert end is not None and 0 <= end.low <= end.value <= end.high


def test_a_session_on_its_own_model_is_what_it_was(ledger: Ledger, book: PriceBook) -> None:
    why = attribution(ledger.db, book, leading_account(ledger), NOW_MS, SEVEN_DAY, 1)
    for part in why.by_session[:3]:
        found = session_table(ledger.db, book, leading_account(ledger), NOW_MS, part.full)
        (row,) = found.sessions
        assert row.points == part.points and row.session == part.full
        assert len(row.on) >= 3
        values = [points.value for _, points in row.on]
        assert values == sorted(values, reverse=True)
    largest = table(ledger, book).sessions
    running = attribution(ledger.db, book, leading_account(ledger), NOW_MS, SEVEN_DAY, 0)
    assert [row.session for row in largest] == [part.full for part in running.by_session[:5]]


def test_the_sentence_of_the_card_names_only_models_in_use_that_end_lower(ledger: Ledger, book: PriceBook) -> None:
    found = table(ledger, book)
    words = best_words(found)
    assert found.as_is is not None and found.as_is.this_week is not None
    for row in found.singles:
        assert row.this_week is not None
        name = row.shares[0][0].removeprefix("claude-")
        if f"on {name} at" in words:
            assert row.is_used and row.this_week.value < found.as_is.this_week.value


def test_below_the_fit_and_before_enough_is_learned_every_what_if_is_silent(ledger: Ledger, book: PriceBook) -> None:
    state = load_state(ledger.db, book, leading_account(ledger).id, NOW_MS)
    five = state.learned.five
    assert five is not None
    little = state._replace(learned=state.learned._replace(five=five._replace(own=0.3 * five.seen)))
    young = state._replace(learned=state.learned._replace(five=five._replace(windows=4)))
    for changed, why_not in ((little, LITTLE), (young, NO_WEIGHTS)):
        found = what_if_table(ledger.db, book, leading_account(ledger), NOW_MS, changed)
        assert (found.rows, found.sessions, found.why_not) == ((), (), why_not)
        one = what_if(ledger.db, book, leading_account(ledger), NOW_MS, "sonnet", 1.0, changed)
        assert (one.changed, one.next_changed, one.why_not) == (None, None, why_not)
        assert best_words(found) == ""
