"""Why, forecast, next, what-if and reconcile over a ledger: invented transcripts, and readings that fit hidden weights."""

from pathlib import Path

import pytest

from helpers import NOW_MS, Home
from six_weeks import SixWeeks, leading_account
from tachograph.demo import limits
from tachograph.errors import NotFound
from tachograph.ledger.limits import accounts, readings
from tachograph.ledger.storage.connection import Ledger
from tachograph.ledger.usage.strings import Strings
from tachograph.model.limits.limits import (
    FIVE_HOUR,
    OAUTH,
    SEVEN_DAY,
    AccountId,
    ExtraUsage,
    Limit,
    Money,
    Reading,
    Share,
)
from tachograph.model.usage.periods import Calendar, parsed_zone
from tachograph.model.usage.prices import PriceBook, load
from tachograph.queries.estimates import learning
from tachograph.queries.estimates.attribution import Attribution, attribution
from tachograph.queries.estimates.constants import AT_WALL, CAP_OF, LEARNED, LIST_PRICE, NO_WEEK, NO_WEIGHTS, NOTHING
from tachograph.queries.estimates.forecast import forecast
from tachograph.queries.estimates.next_session import next_session
from tachograph.queries.estimates.reconcile import reconcile
from tachograph.queries.estimates.what_if import what_if
from tachograph.queries.limits.current import now
from tachograph.queries.limits.guard import primary_account
from tachograph.text.attribution import why_words
from tachograph.ui.cli.demo import limits as demo_limits

HOUR, DAY = 3_600_000, 86_400_000
ADA = AccountId(demo_limits.ADA.uuid, demo_limits.ADA.organization)


def why(ledger: Ledger, book: PriceBook, at: int = NOW_MS, limit: str = SEVEN_DAY, back: int = 0) -> Attribution:
    return attribution(ledger.db, book, leading_account(ledger, at), at, limit, back)


def say(ledger: Ledger, at: int, *said: Limit, extra: ExtraUsage | None = None, who: AccountId = ADA, breakdown: tuple[Share, ...] = ()) -> None:  # fmt: skip
    with ledger.transaction() as db:
        readings.append(db, Strings(db), Reading(OAUTH, at, account=who, limits=said, extra=extra, breakdown=breakdown))


# -- why


def test_the_hidden_shares_of_this_week_and_of_the_last_ones_are_found(
    lived_in: SixWeeks, ledger: Ledger, book: PriceBook
) -> None:
    for back in range(3):
        found = why(ledger, book, back=back)
        assert found.method == LEARNED
        assert found.resets_at is not None
        true = lived_in.hidden.weeks[found.resets_at / 1000]
        total = sum(true.values())
        for part in found.by_model:
            assert part.share is not None
            assert abs(part.share.value - true.get(part.full, 0.0) / total) <= 0.04, (back, part.full)
            assert part.share.low <= part.share.value <= part.share.high
        assert found.unexplained is not None
        assert abs(found.unexplained.value - true.get("", 0.0) / total) <= 0.06


def test_models_projects_sessions_and_pull_requests_each_add_up_to_what_is_explained(
    ledger: Ledger, book: PriceBook
) -> None:
    found = why(ledger, book, back=1)
    assert found.unexplained is not None
    for parts in (found.by_model, found.by_project, found.by_session, found.by_pull):
        shares = [part.share.value for part in parts if part.share is not None]
        assert sum(shares) == pytest.approx(1 - found.unexplained.value, abs=1e-6)
        assert shares == sorted(shares, reverse=True)
    assert found.used is not None
    assert found.by_model[0].points is not None
    assert found.by_model[0].share is not None
    assert found.by_model[0].points.value == pytest.approx(found.by_model[0].share.value * found.used)


def test_the_five_hour_window_can_be_asked_for_too(ledger: Ledger, book: PriceBook) -> None:
    found = why(ledger, book, limit=FIVE_HOUR)
    assert found.method == LEARNED
    assert found.limit == FIVE_HOUR
    assert found.resets_at is not None and found.since is not None
    assert found.resets_at - found.since == 5 * HOUR


def test_after_three_days_the_split_is_by_list_price(lived_in: SixWeeks, ledger: Ledger, book: PriceBook) -> None:
    first = int(lived_in.hidden.said[0].at * 1000)
    found = why(ledger, book, at=first + 3 * DAY)
    assert found.method == LIST_PRICE
    assert found.unexplained is None
    assert all(part.share is None for part in found.by_model)
    assert sum(part.list_price or 0 for part in found.by_model) == pytest.approx(1)


def test_an_answer_about_a_moment_does_not_know_what_came_after(ledger: Ledger, book: PriceBook) -> None:
    then = NOW_MS - 9 * DAY
    before = why(ledger, book, at=then)
    ledger.db.execute("DELETE FROM answer WHERE at > ?", (then,))
    ledger.db.execute("DELETE FROM reading WHERE observed_at > ?", (then,))
    after = why(ledger, book, at=then)
    assert after.by_model == before.by_model
    assert after.unexplained == before.unexplained


def test_before_any_reading_there_is_nothing(home: Home, book: PriceBook) -> None:
    with home.ledger() as ledger:
        assert primary_account(now(ledger.db, NOW_MS)) is None
        say(ledger, NOW_MS, Limit(FIVE_HOUR, "5-hour", "session", 30.0, NOW_MS + HOUR))
        found = why(ledger, book)
        assert found.method == NOTHING
        assert found.used is None
        assert what_if(ledger.db, book, leading_account(ledger), NOW_MS, "sonnet").why_not == NO_WEEK
        following = next_session(ledger.db, book, leading_account(ledger), NOW_MS)
        assert (following.left, following.is_enough) == (70.0, False)


def test_messages_of_nobody_are_shown_and_left_out(ledger: Ledger, book: PriceBook) -> None:
    whole = why(ledger, book)
    since = (whole.since or 0) // 900_000 + 1
    ledger.db.execute("UPDATE answer SET account = 0 WHERE at >= ? AND id % 3 = 0", (since * 900_000,))
    ledger.db.execute("UPDATE rollup SET account = 0 WHERE bucket >= ? AND bucket % 3 = 0", (since,))
    found = why(ledger, book)
    assert found.evidence.unattributed > 0
    assert found.evidence.messages < whole.evidence.messages


def test_readings_of_nobody_are_fitted_to_nobody(home: Home, book: PriceBook) -> None:
    with home.ledger() as ledger:
        limit = Limit(SEVEN_DAY, "7-day", "weekly", 30.0, NOW_MS + DAY)
        with ledger.transaction() as db:
            readings.append(db, Strings(db), Reading(OAUTH, NOW_MS, limits=(limit,)))
        found = why(ledger, book)
        assert (found.account, found.method) == (0, NOTHING)
        assert learning.load(ledger.db, book, 0, NOW_MS).learned.weights is None


def test_a_switch_of_the_login_in_the_middle_of_a_window_keeps_two_accounts_apart(
    ledger: Ledger, book: PriceBook
) -> None:
    mine = leading_account(ledger)
    alone = why(ledger, book)
    other = AccountId("bob", "org-b")
    say(ledger, NOW_MS - HOUR, Limit(FIVE_HOUR, "5-hour", "session", 80.0, NOW_MS + HOUR), Limit(SEVEN_DAY, "7-day", "weekly", 90.0, NOW_MS + DAY), who=other)  # fmt: skip
    row = ledger.db.execute("SELECT id FROM account WHERE uuid = 'bob'").fetchone()
    last = ledger.db.execute("SELECT max(at) FROM answer WHERE account = ?", (mine.id,)).fetchone()[0]
    ledger.db.execute("UPDATE answer SET account = ? WHERE at > ?", (row[0], last - 600_000))
    bobs = next(one for one in now(ledger.db, NOW_MS).accounts if one.id == row[0])
    theirs = attribution(ledger.db, book, bobs, NOW_MS)
    assert theirs.used == 90.0
    assert 0 < theirs.evidence.messages < 200
    still = attribution(ledger.db, book, mine, NOW_MS)
    assert still.used == alone.used
    assert still.evidence.messages == alone.evidence.messages - theirs.evidence.messages


def test_what_the_service_measures_itself_is_given_as_measured(ledger: Ledger, book: PriceBook) -> None:
    opus = Limit("seven_day_opus", "Opus week", "weekly", 77.0, NOW_MS + DAY, scope="Opus")
    week = ledger.db.execute("SELECT max(resets_at) FROM window WHERE key = 'seven_day'").fetchone()[0]
    split = (Share("claude_code", "Claude Code", 71.0), Share("chat", "Chat", 29.0))
    say(ledger, NOW_MS, opus, Limit(SEVEN_DAY, "7-day", "weekly", 30.0, week), breakdown=split)
    found = why(ledger, book)
    assert [(one.label, one.percent) for one in found.measured] == [("Opus week", 77.0)]
    assert found.breakdown == split
    assert why(ledger, book, back=1).measured == ()


# -- learning


def test_what_was_learned_is_kept_and_gives_the_same_answer(ledger: Ledger, book: PriceBook) -> None:
    from tachograph.ledger.estimates import training_data

    fresh = learning.load(ledger.db, book, leading_account(ledger).id, NOW_MS)
    assert fresh.to_store is not None
    with ledger.transaction() as db:
        training_data.store_state(db, fresh.account, fresh.to_store)
    again = learning.load(ledger.db, book, fresh.account, NOW_MS)
    assert again.to_store is None
    assert again.learned == fresh.learned


def test_taken_in_piece_by_piece_it_comes_to_the_same(ledger: Ledger, book: PriceBook) -> None:
    from tachograph.ledger.estimates import training_data

    id = leading_account(ledger).id
    for days in (12, 5, 1, 0):
        part = learning.load(ledger.db, book, id, NOW_MS - days * DAY)
        if part.to_store is not None:
            with ledger.transaction() as db:
                training_data.store_state(db, id, part.to_store)
    pieces = learning.load(ledger.db, book, id, NOW_MS).learned.weights
    ledger.db.execute("DELETE FROM learned")
    whole = learning.load(ledger.db, book, id, NOW_MS).learned.weights
    assert pieces is not None and whole is not None
    assert pieces.mean == pytest.approx(whole.mean, abs=0.02)
    assert pieces.windows == whole.windows


def test_where_messages_of_learned_weeks_come_or_go_it_is_learned_again(ledger: Ledger, book: PriceBook) -> None:
    from tachograph.ledger.estimates import training_data

    id = leading_account(ledger).id
    before = learning.load(ledger.db, book, id, NOW_MS)
    assert before.to_store is not None
    with ledger.transaction() as db:
        training_data.store_state(db, id, before.to_store)
    ledger.db.execute("UPDATE rollup SET messages = messages + 1 WHERE account = ?", (id,))
    assert learning.load(ledger.db, book, id, NOW_MS).to_store is not None


def test_where_a_price_changes_it_is_learned_again_in_the_new_dollars(ledger: Ledger, book: PriceBook) -> None:
    from tachograph.ledger.estimates import training_data

    id = leading_account(ledger).id
    before = learning.load(ledger.db, book, id, NOW_MS)
    assert before.to_store is not None and before.learned.weights is not None
    with ledger.transaction() as db:
        training_data.store_state(db, id, before.to_store)
    own: dict[str, object] = {}
    for entry in book.entries():
        tenfold = {name: price * 10 for name, price in entry.prices._asdict().items()}
        own |= dict.fromkeys(entry.names, tenfold)
    dearer, problems = load(own)
    assert not problems
    after = learning.load(ledger.db, dearer, id, NOW_MS)
    assert after.to_store is not None and after.learned.weights is not None
    with ledger.transaction() as db:
        db.execute("DELETE FROM learned")
    assert (
        after.learned.weights == learning.load(ledger.db, dearer, id, NOW_MS).learned.weights != before.learned.weights
    )
    was = next_session(ledger.db, book, leading_account(ledger), NOW_MS, before).median
    now_is = next_session(ledger.db, dearer, leading_account(ledger), NOW_MS, after).median
    assert was is not None and now_is == pytest.approx(was, rel=0.25)  # points, whatever a dollar is


def test_a_book_is_known_by_its_prices_alone(book: PriceBook) -> None:
    entry = book.entries()[0]
    assert load()[0].digest() == book.digest()
    assert load({"my-model": entry.prices._asdict()})[0].digest() != book.digest()
    cheaper = entry.prices._replace(output=entry.prices.output - 1)._asdict()
    assert load({entry.names[0]: cheaper})[0].digest() != book.digest()


# -- forecast, next


def test_both_limits_get_a_chance_before_their_resets(ledger: Ledger, book: PriceBook) -> None:
    five, week = forecast(ledger.db, book, leading_account(ledger), NOW_MS)
    assert (five.key, week.key) == (FIVE_HOUR, SEVEN_DAY)
    for one in (five, week):
        assert one.chance is not None and one.resets_at is not None
        assert 0 < one.chance < 1
        if one.p10 is not None and one.p50 is not None and one.p90 is not None:
            assert NOW_MS < one.p10 < one.p50 < one.p90 < one.resets_at


def test_at_the_wall_no_chance_is_said(ledger: Ledger, book: PriceBook) -> None:
    reset = ledger.db.execute("SELECT max(resets_at) FROM window WHERE key = 'five_hour'").fetchone()[0]
    say(ledger, NOW_MS, Limit(FIVE_HOUR, "5-hour", "session", 100.0, reset))
    five = forecast(ledger.db, book, leading_account(ledger), NOW_MS)[0]
    assert (five.chance, five.why_not) == (None, AT_WALL)


def test_on_extra_usage_it_speaks_of_the_spending_cap(ledger: Ledger, book: PriceBook) -> None:
    reset = ledger.db.execute("SELECT max(resets_at) FROM window WHERE key = 'five_hour'").fetchone()[0]
    full = Limit(FIVE_HOUR, "5-hour", "session", 100.0, reset)
    extra = ExtraUsage(True, Money(9000, "USD"), Money(10_000, "USD"), None)
    say(ledger, NOW_MS, full, extra=extra)
    five = forecast(ledger.db, book, leading_account(ledger), NOW_MS)[0]
    assert five.of == CAP_OF
    assert five.percent == pytest.approx(90.0)
    assert five.chance is not None and five.chance > 0.2


def test_the_next_session_is_compared_with_those_before_by_counts(ledger: Ledger, book: PriceBook) -> None:
    following = next_session(ledger.db, book, leading_account(ledger), NOW_MS)
    assert following.is_enough
    assert 30 <= following.sessions <= 60
    assert following.median is not None and following.most is not None
    assert 0 < following.median < following.most
    assert 0 <= following.more <= following.sessions


# -- what if, reconcile


def test_the_rest_of_the_week_on_a_lighter_model_ends_lower_and_on_none_as_it_goes(
    ledger: Ledger, book: PriceBook
) -> None:
    all_of_it = what_if(ledger.db, book, leading_account(ledger), NOW_MS, "haiku")
    some = what_if(ledger.db, book, leading_account(ledger), NOW_MS, "haiku", 0.2)
    assert all_of_it.used is not None
    for made in (all_of_it, some):
        assert made.as_is is not None and made.changed is not None
        assert made.changed.low < made.changed.value < made.changed.high
    assert all_of_it.changed is not None and some.changed is not None and some.as_is is not None
    assert all_of_it.used <= all_of_it.changed.value < some.changed.value < some.as_is.value
    assert all_of_it.window_points is not None
    assert all_of_it.window_points.value == pytest.approx(100 * limits.WEEK_PER_WINDOW, rel=0.06)


def test_a_model_that_nobody_knows_has_no_what_if(ledger: Ledger, book: PriceBook) -> None:
    with pytest.raises(NotFound):
        what_if(ledger.db, book, leading_account(ledger), NOW_MS, "no-such-model")


def test_too_little_to_learn_from_is_too_little_for_a_what_if(
    lived_in: SixWeeks, ledger: Ledger, book: PriceBook
) -> None:
    at = int(lived_in.hidden.said[0].at * 1000) + 3 * DAY
    assert what_if(ledger.db, book, leading_account(ledger, at), at, "haiku").why_not in (NO_WEEK, NO_WEIGHTS)


def test_three_numbers_stand_side_by_side(ledger: Ledger, book: PriceBook) -> None:
    calendar = Calendar(*parsed_zone("UTC"))
    found = reconcile(ledger.db, book, calendar, leading_account(ledger), NOW_MS, 200.0)
    assert found.money.budget == 200.0
    assert found.money.week.usd is not None and found.money.usual_week is not None
    assert found.five is not None and found.week is not None
    assert found.is_learned
    assert found.week_dollars is not None and found.five_dollars is not None
    assert found.five_dollars <= found.week_dollars
    nobody = reconcile(ledger.db, book, calendar, None, NOW_MS)
    assert nobody.five is None and nobody.why is None


def test_accounts_that_were_forgotten_do_not_lead(ledger: Ledger) -> None:
    accounts.hide(ledger.db, leading_account(ledger).id, NOW_MS)
    assert primary_account(now(ledger.db, NOW_MS)) is None


def test_no_heavy_package_is_imported_for_an_estimate(lived_in: SixWeeks) -> None:
    import subprocess
    import sys

    code = (
        "import sys\nfrom tachograph.ui.cli import run\nfor words in (['now'], ['why', '--no-ingest']):\n    run(words)\n"
        "    print('\\n'.join(sys.modules), file=sys.stderr)\n    print('--', file=sys.stderr)"
    )
    env = {**lived_in.home.env, "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    after_now, after_why, _ = done.stderr.split("--\n")
    assert "numpy" not in after_why
    for name in (
        "tachograph.model.estimates.weights",
        "tachograph.model.estimates.forecast",
        "tachograph.queries.estimates.attribution",
    ):
        assert name not in after_now.split()


def test_the_folder_of_a_module_is_where_its_prior_is() -> None:
    from tachograph.model.estimates import forecast as chances

    assert (Path(chances.__file__).parent / "forecast_prior.json").is_file()


def test_inside_a_week_that_the_service_measures_only_this_machines_part_is_split(
    ledger: Ledger, book: PriceBook
) -> None:
    week = ledger.db.execute("SELECT max(resets_at) FROM window WHERE key = 'seven_day'").fetchone()[0]
    opus = Limit("seven_day_opus", "Opus week", "weekly", 77.0, week, scope="Opus")
    say(ledger, NOW_MS - 1, opus)
    found = why(ledger, book, limit="seven_day_opus")
    assert (found.method, found.used) == (LEARNED, 77.0)
    assert found.by_model and all("opus" in part.full for part in found.by_model)
    for parts in (found.by_model, found.by_project, found.by_session):
        assert sum(part.share.value for part in parts if part.share is not None) == pytest.approx(1)
    assert found.unexplained is None
    words = why_words(found)
    assert words.startswith("Opus week is at 77 %, as the service itself counts it; api-gateway is ")
