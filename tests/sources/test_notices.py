"""Which records of a transcript say that a limit was reached. What people and models write about limits never does."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tachograph.model.limits.limits import FIVE_HOUR, SEVEN_DAY, SPEND_LIMIT
from tachograph.sources.transcripts.limit_notices import ALLOCATION, CREDITS, Notice, notice

CHICAGO = ZoneInfo("America/Chicago")
AT = "2026-11-23T18:32:00.000Z"  # a Monday, 12:32 in Chicago
AT_MS = 1_795_458_720_000
OPUS, SONNET, FABLE = "seven_day_opus", "seven_day_sonnet", "weekly_scoped:fable"


def record(said: object, at: object = AT, **more: object) -> dict[str, Any]:
    content = [{"type": "text", "text": said}]
    made: dict[str, Any] = {"type": "assistant", "isApiErrorMessage": True, "timestamp": at, "sessionId": "s"}
    return made | {"message": {"model": "<synthetic>", "role": "assistant", "content": content}} | more


def quota(**fields: object) -> dict[str, object]:
    return {
        "status": "rejected",
        "resetsAt": 1_795_465_200,
        "rateLimitType": "five_hour",
        "isUsingOverage": False,
        **fields,
    }


def key_of(said: str) -> str | None:
    found = notice(record(said))
    return found.key if found else None


def reset(said: str, at: str = AT, zone: ZoneInfo | None = None) -> str | None:
    found = notice(record(said, at), zone)
    if found is None or found.resets_at is None:
        return None
    return datetime.fromtimestamp(found.resets_at / 1000, CHICAGO).strftime("%Y-%m-%d %H:%M %Z")


# -- which limit ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ("You've hit your session limit · resets 2:40pm (America/Chicago)", FIVE_HOUR),
        ("You’ve hit your session limit · resets 2:40pm (America/Chicago) · progress saved", FIVE_HOUR),
        ("You've hit your weekly limit · resets Nov 26, 1pm (America/Chicago)", SEVEN_DAY),
        ("You've hit your Opus limit · resets Nov 26, 1pm (America/Chicago)", OPUS),
        ("You've hit your Opus weekly limit · resets Nov 26, 1pm", OPUS),
        ("You've hit your Sonnet limit", SONNET),
        ("You've hit your Fable limit", FABLE),
        ("You've reached your Fable 5 limit. Use another model to go on.", FABLE),
        ("You've hit your Myth Deep limit", "weekly_scoped:myth deep"),
        ("You've hit your usage limit", FIVE_HOUR),
        ("You've hit your limit · resets 4pm (America/Chicago)", FIVE_HOUR),
        ("You've hit your limit · resets Nov 26, 1pm (America/Chicago)", SEVEN_DAY),
        ("You've hit your org's monthly spend limit · ask your admin to raise it", SPEND_LIMIT),
        ("You've hit your individual spend limit · run /usage-credits", SPEND_LIMIT),
        ("You're out of usage credits · add more to go on", CREDITS),
        ("You're out of extra usage", CREDITS),
        ("Your org is out of usage · contact your admin", CREDITS),
        ("Fable 5 requires usage credits", CREDITS),
        ("Your seat type doesn't include usage credits", ALLOCATION),
        ("Your seat type doesn't include usage", ALLOCATION),
        ("Your usage allocation has been disabled by your admin", ALLOCATION),
        ("Your group's usage limit is set to $0", ALLOCATION),
        ("Claude AI usage limit reached|1795465200", FIVE_HOUR),
        ("Claude AI usage limit reached|1795865200", SEVEN_DAY),
        ("Claude usage limit reached. Your limit will reset at 3pm (America/Chicago).", FIVE_HOUR),
        ("5-hour limit reached ∙ resets 3pm\n     /upgrade to increase your usage limit.", FIVE_HOUR),
        ("Session limit reached ∙ resets 9:30pm", FIVE_HOUR),
        ("Weekly limit reached ∙ resets Nov 26, 5pm", SEVEN_DAY),
        ("Opus weekly limit reached ∙ resets Nov 26, 5pm", OPUS),
    ],
)
def test_a_notice_of_any_version_names_its_limit(said: str, key: str) -> None:
    assert key_of(said) == key
    found = notice(record(said))
    assert found is not None
    assert found.is_wall
    assert found.at == AT_MS
    assert found.label


@pytest.mark.parametrize(
    "said",
    [
        "You've used 90% of your weekly limit · resets Nov 26, 1pm",
        "You're close to your usage limit",
        "Approaching 5-hour limit",
        "API Error: Request rejected (429)",
        'API Error: 529 {"type":"error","error":{"type":"overloaded_error"}}',
        "Server is temporarily limiting requests (not your usage limit)",
        "Context limit reached · /compact or /clear to continue",
        "You've hit your fast mode limit",
        "You've hit your rate limit",
        "Prompt is too long",
        "Credit balance is too low",
        "The weekly limit was reached by the team",
        "",
    ],
)
def test_what_is_no_limit_of_the_plan_is_no_notice(said: str) -> None:
    assert notice(record(said)) is None


def test_only_a_record_that_claude_code_wrote_itself_counts() -> None:
    said = "You've hit your session limit · resets 2:40pm (America/Chicago)"
    assert notice(record(said)) is not None
    assert notice(record(said, isApiErrorMessage=False)) is None
    assert notice(record(said, isApiErrorMessage="true")) is None
    assert notice(record(said, type="user")) is None
    assert (
        notice(record(said, message={"model": "claude-opus-5-5", "content": [{"type": "text", "text": said}]})) is None
    )
    assert notice({"type": "user", "message": {"content": said}, "timestamp": AT}) is None
    assert notice(record(said, message={"model": "<synthetic>", "content": said})) is not None


@pytest.mark.parametrize("at", [None, "", "yesterday", 1_795_458_720])
def test_a_notice_without_a_readable_time_cannot_be_placed(at: object) -> None:
    assert notice(record("You've hit your session limit", at)) is None


# -- the service's verdict --------------------------------------------------------------------------------------------


def test_the_verdict_goes_before_the_text() -> None:
    found = notice(record("You've hit your session limit · resets 2:40pm (America/Chicago)", quotaLimits=quota()))
    assert found == Notice(FIVE_HOUR, "5-hour", AT_MS, 1_795_465_200_000, True)
    found = notice(record("Something that nobody has written before", quotaLimits=quota(rateLimitType="seven_day")))
    assert found == Notice(SEVEN_DAY, "7-day", AT_MS, 1_795_465_200_000, True)


@pytest.mark.parametrize(
    ("kind", "said", "key"),
    [
        ("seven_day_opus", "You've hit your Opus limit", OPUS),
        ("seven_day_overage_included", "You've reached your Fable limit.", FABLE),
        ("seven_day_overage_included", "", FABLE),
        ("seven_day_overage_included", "You've reached your Myth limit.", "weekly_scoped:myth"),
        ("overage", "You're out of usage credits", CREDITS),
        ("seven_day_myth", "", "seven_day_myth"),
        (None, "You've hit your weekly limit", SEVEN_DAY),
    ],
)
def test_verdict_and_text_together_name_the_limit(kind: str | None, said: str, key: str) -> None:
    found = notice(record(said, quotaLimits=quota(rateLimitType=kind)))
    assert found is not None
    assert found.key == key


@pytest.mark.parametrize("status", ["allowed", "allowed_warning", None])
def test_a_verdict_that_rejects_nothing_makes_no_notice(status: str | None) -> None:
    assert notice(record("API Error: 500", quotaLimits=quota(status=status))) is None


def test_a_verdict_without_a_readable_reset_falls_back_to_the_text() -> None:
    said = "You've hit your session limit · resets 2:40pm (America/Chicago)"
    for resets in (None, "soon", -1):
        found = notice(record(said, quotaLimits=quota(resetsAt=resets)))
        assert found is not None
        assert found.resets_at == AT_MS + 128 * 60_000


def test_on_usage_credits_or_with_another_model_work_went_on() -> None:
    def is_wall(said: str, **more: object) -> bool:
        found = notice(record(said, **more))
        assert found is not None
        return found.is_wall

    assert not is_wall("You've hit your session limit", quotaLimits=quota(isUsingOverage=True))
    assert not is_wall("Claude Opus 4 limit reached, now using Sonnet 4")
    assert is_wall("You're out of usage credits", quotaLimits=quota(rateLimitType="overage", isUsingOverage=True))


# -- when it resets ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("You've hit your session limit · resets 2:40pm (America/Chicago)", "2026-11-23 14:40 CST"),
        (
            "You've hit your session limit · resets 12:30pm (America/Chicago)",
            "2026-11-23 12:30 CST",
        ),  # two minutes late
        ("You've hit your session limit · resets 12:20pm (America/Chicago)", "2026-11-24 12:20 CST"),
        ("You've hit your session limit · resets 12am (America/Chicago)", "2026-11-24 00:00 CST"),
        ("You've hit your session limit · resets 1am (Asia/Tokyo)", "2026-11-24 10:00 CST"),
        ("You've hit your session limit · resets 5am (Asia/Tokyo)", "2026-11-23 14:00 CST"),
        ("You've hit your session limit · resets 15:00 (America/Chicago)", "2026-11-23 15:00 CST"),
        ("You've hit your weekly limit · resets Nov 26, 1pm (America/Chicago)", "2026-11-26 13:00 CST"),
        ("You've hit your weekly limit · resets Nov 26 at 1pm (America/Chicago)", "2026-11-26 13:00 CST"),
        ("You've hit your weekly limit · resets Jan 2, 9am (America/Chicago)", "2027-01-02 09:00 CST"),
        ("You've hit your weekly limit · resets Jan 2, 2027, 9am (America/Chicago)", "2027-01-02 09:00 CST"),
        ("You've hit your weekly limit · resets Sunday 12:00am (America/Chicago)", "2026-11-29 00:00 CST"),
        ("You've hit your weekly limit · resets Mon, 9am (America/Chicago)", "2026-11-30 09:00 CST"),
        ("You've hit your weekly limit · resets Mon 4pm (America/Chicago)", "2026-11-23 16:00 CST"),
        ("Claude AI usage limit reached|1795465200", "2026-11-23 14:20 CST"),
        ("Claude AI usage limit reached|1795465200000", "2026-11-23 14:20 CST"),
        ("Claude usage limit reached. Your limit will reset at 3pm (America/Chicago).", "2026-11-23 15:00 CST"),
        ("Usage limit reached · continuing automatically at 3pm (America/Chicago)", "2026-11-23 15:00 CST"),
    ],
)
def test_a_time_of_day_is_the_next_one_in_the_zone_that_is_named(said: str, expected: str) -> None:
    assert reset(said) == expected


def test_a_time_without_a_zone_needs_the_reader_s() -> None:
    said = "5-hour limit reached ∙ resets 3pm"
    assert reset(said) is None
    assert reset(said, zone=CHICAGO) == "2026-11-23 15:00 CST"
    assert reset(said, zone=ZoneInfo("Asia/Tokyo")) == "2026-11-24 00:00 CST"


@pytest.mark.parametrize(
    "when",
    [
        "resets tomorrow",
        "resets Nov 26 (America/Chicago)",
        "resets 3 (America/Chicago)",
        "resets 25:00 (America/Chicago)",
        "resets 13pm (America/Chicago)",
        "resets 3:75pm (America/Chicago)",
        "resets Feb 30, 3pm (America/Chicago)",
        "resets 3pm (Nowhere/City)",
        "resets 3pm (America)",
        "resets 3pm (../../etc/passwd)",
    ],
)
def test_a_reset_that_cannot_be_told_stays_unknown_and_the_notice_stands(when: str) -> None:
    found = notice(record(f"You've hit your weekly limit · {when}"))
    assert found is not None
    assert (found.key, found.resets_at) == (SEVEN_DAY, None)


def test_the_reset_of_another_limit_is_not_taken() -> None:
    said = "You've hit your individual spend limit · ask your admin · your weekly limit resets Nov 26, 4pm (America/Chicago)"
    assert key_of(said) == SPEND_LIMIT
    assert reset(said) is None


def test_clocks_that_change_between_notice_and_reset() -> None:
    """In Chicago clocks go back at 2:00 on 1 November 2026 and forward on 14 March 2027."""
    said = "You've hit your session limit · resets {} (America/Chicago)"
    assert reset(said.format("3am"), "2026-11-01T05:30:00Z") == "2026-11-01 03:00 CST"
    assert reset(said.format("1:30am"), "2026-11-01T06:00:00Z") == "2026-11-01 01:30 CDT"
    assert reset(said.format("1:30am"), "2026-11-01T06:45:00Z") == "2026-11-01 01:30 CST"  # its second time that night
    assert reset(said.format("2:30am"), "2027-03-14T07:00:00Z") == "2027-03-14 03:30 CDT"  # there is no 2:30


WORDS = st.sampled_from(
    [
        "You've hit your ",
        "session ",
        "limit",
        " · ",
        "resets ",
        "3pm",
        "Feb 30, ",
        "99:99",
        "(UTC)",
        "(x/y)",
        "|17954652000",
        "reached",
    ]
)
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.lists(WORDS, max_size=8).map("".join),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["text", "content", "status"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(ANY, ANY, ANY)
def test_nothing_makes_it_raise(said: object, limits: object, message: object) -> None:
    notice(record(said, quotaLimits=limits), CHICAGO)
    notice(record("", quotaLimits=quota(resetsAt=said, rateLimitType=limits)))
    notice(record("", message=message))
