"""A morning at the monitor: transcripts and readings for the states that a live screen has to show."""

from collections.abc import Iterable
from datetime import timedelta

from helpers import NOW, NOW_MS, Home
from tachograph.demo.records import Record, assistant, title, user
from tachograph.ledger.estimates import forecasts
from tachograph.ledger.estimates.forecasts import StoredForecast
from tachograph.ledger.limits import readings
from tachograph.ledger.usage import context_windows
from tachograph.ledger.usage.strings import Strings
from tachograph.model.limits.limits import (
    FIVE_HOUR,
    LIMITED,
    OAUTH,
    SEVEN_DAY,
    STATUSLINE,
    AccountId,
    ExtraUsage,
    Limit,
    Money,
    Reading,
)
from tachograph.model.usage.periods import Calendar, parsed_zone
from tachograph.model.usage.prices import load
from tachograph.queries.live import LiveState, live_state
from tachograph.ui.terminal.cells import Row

HOUR, MINUTE = 3_600_000, 60_000
ADA, WORK, LAB = AccountId("u-ada", "o-ada"), AccountId("u-work", "o-work"), AccountId("u-lab", "o-lab")
RESETS = NOW_MS + 112 * MINUTE  # the 5-hour window began 3 h 8 min ago
WEEK = NOW_MS + 69 * HOUR
STATES = ("empty", "one", "three", "wall", "stale", "reset", "no-recorder", "chance")
UTC = Calendar(*parsed_zone("UTC"))
BOOK = load({})[0]
LIMITER, ARM, LONG = (f"{n}e55101a-0000-4000-8000-00000000000{n}" for n in (1, 2, 3))

# names that would leave their cell, or do worse
HOSTILE = {
    "control": "a\x1b[31mred\x1b]0;title\x07\r\n\tb\x00",
    "bidi": "\u202eevil\u202c \u2066x\u2069 שלום",
    "long": "x" * 100_000,
    "emoji": "👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪 👍🏽 ❤️ 1️⃣",
    "wide": "東京の夜は長い" * 40,
    "marks": "Z" + "\u0301\u0302\u0303\u0304" * 200 + "algo",
    "halves": "ﾊﾝｶｸ ＦＵＬＬ",
    "invisible": "a\u200b\u2060\ufeff\u00adb",
    "private": "\ue000\U000f0000\uffff",
    "markup": "[bold red]x[/] {curly} %s",
}


def prepare(home: Home, state: str) -> None:
    """Live until the state is reached, but for the recorder."""
    if state == "empty":
        with home.ledger():
            return
    work(home)
    home.ingest()
    with home.ledger() as ledger, ledger.transaction() as db:
        context_windows.note(db, ARM, 200_000)
    ago = 2 * HOUR if state == "stale" else 0
    five = {"wall": 100.0}.get(state, 78.0)
    resets = NOW_MS - 10 * MINUTE if state == "reset" else RESETS
    live(
        home,
        ADA,
        "ada@example.org",
        "Max 20x",
        five,
        91.0,
        resets=resets,
        ago=ago or (20 * MINUTE if state == "reset" else 0),
    )
    if state in ("one", "no-recorder", "three", "chance"):
        extra = ExtraUsage(True, Money(7300, "USD"), Money(20000, "USD"), 36.5)
        say(home, ADA, OAUTH, NOW_MS - 14_000, _limits(78.0, 91.0, RESETS, fable=61.0), extra=extra)
    if state == "chance":
        with home.ledger() as ledger, ledger.transaction() as db:
            (account,) = db.execute("SELECT id FROM account WHERE uuid = ?", (ADA.uuid,)).fetchone()
            for key, cycle, percent, chance in ((FIVE_HOUR, RESETS, 78.0, 0.62), (SEVEN_DAY, WEEK, 91.0, 0.97)):
                forecasts.store(
                    db,
                    StoredForecast(account, key, cycle, NOW_MS - 5 * MINUTE, percent, chance, 0.5, None, None, None, 1),
                )
    if state == "three":
        live(home, WORK, "work@example.com", "Team", 12.0, 40.0, resets=NOW_MS + 3 * HOUR, ago=5 * MINUTE)
        used_up = ExtraUsage(True, Money(2310, "EUR"), None, None)
        live(home, LAB, "lab@example.net", "Max 5x", 100.0, 93.0, resets=NOW_MS + HOUR, ago=MINUTE, extra=used_up)


def live(
    home: Home,
    account: AccountId,
    label: str,
    plan: str,
    five: float,
    week: float,
    *,
    resets: int,
    ago: int,
    extra: ExtraUsage | None = None,
) -> None:
    """Readings each ten minutes since the window before, up to `ago` before now."""
    end = NOW_MS - ago
    began = resets - 5 * HOUR
    for step in range(40, -1, -1):
        at = end - step * 10 * MINUTE - (4_000 if not ago else 0)
        if at > began:
            percent = round(five * ((at - began) / (end - began)) ** 1.5)
            say(home, account, STATUSLINE, at, _limits(percent, week - step // 8, resets))
        else:
            percent = round(55 * (1 - (began - at) / (5 * HOUR)))
            say(home, account, STATUSLINE, at, _limits(percent, week - step // 8, began))
    say(home, account, STATUSLINE, end - (4_000 if not ago else 0), _limits(five, week, resets), extra=extra)
    with home.ledger() as ledger, ledger.transaction() as db:
        db.execute("UPDATE account SET label = ?, plan = ? WHERE uuid = ?", (label, plan, account.uuid))


def _limits(five: float, week: float, resets: int, fable: float | None = None) -> tuple[Limit, ...]:
    made = (Limit(FIVE_HOUR, "5-hour", "session", five, resets), Limit(SEVEN_DAY, "7-day", "weekly", week, WEEK))
    if fable is None:
        return made
    return (*made, Limit("weekly_scoped:fable", "Fable week", "weekly", fable, WEEK, scope="Fable"))


def say(
    home: Home,
    account: AccountId,
    source: str,
    at: int,
    limits: Iterable[Limit] = (),
    *,
    extra: ExtraUsage | None = None,
    outcome: str = "ok",
) -> None:
    with home.ledger() as ledger, ledger.transaction() as db:
        said = Reading(source, at, outcome, account, tuple(limits), extra)
        readings.append(db, Strings(db), said)


def refused(home: Home, account: AccountId, at: int = NOW_MS - MINUTE) -> None:
    say(home, account, OAUTH, at, outcome=LIMITED)


def work(home: Home) -> None:
    """Four sessions: one that works with two subagents, one just before, two that were at work this morning."""
    home.write(
        "shop/a.jsonl", [title("Rate limiter for the public API", session=LIMITER), *_turns(LIMITER, 30, 4, 360)]
    )
    for name in ("a1b2c3d4", "d4c3b2a1"):
        helper = [
            assistant(
                f"{name}{n}",
                at=NOW - timedelta(seconds=40 - 10 * n),
                model="claude-haiku-4-5",
                cache_read=9_000,
                session=LIMITER,
                branch="feat/limit",
                sidechain=True,
                agent=name,
                request=f"r{name}{n}",
            )
            for n in range(2)
        ]
        home.write(f"shop/{LIMITER}/subagents/agent-{name}.jsonl", helper)
    arm = _turns(ARM, 12, 130, 200, model="claude-sonnet-4-6", cwd="/home/ada/code/infra", branch="main", size=900)
    home.write("infra/b.jsonl", [title("Why is CI red on arm64", session=ARM), *arm])
    long = _turns(LONG, 5, 3700, 300, model="claude-nova-1", cwd="/home/ada/thesis", branch="main")
    named = "Chapter three, the long version with all of the appendices that were cut from the second draft"
    home.write("thesis/c.jsonl", [title(named, session=LONG), *long, b'{"usage" torn\n'])


def _turns(
    session: str,
    turns: int,
    ended: int,
    every: int,
    *,
    model: str = "claude-opus-4-8",
    cwd: str = "/home/ada/code/shop",
    branch: str = "feat/limit",
    size: int = 12_000,
) -> list[Record]:
    """Answers each so many seconds, the last of them so many seconds ago, with a growing context."""
    made: list[Record] = [user("go on", at=NOW - timedelta(seconds=ended + turns * every), session=session, cwd=cwd)]
    made += [
        assistant(
            f"{session[0]}x{n}",
            at=NOW - timedelta(seconds=ended + (turns - 1 - n) * every),
            model=model,
            input=4,
            output=300 + 17 * n,
            cache_write_5m=size,
            cache_read=20_000 + size * n,
            session=session,
            cwd=cwd,
            branch=branch,
            request=f"req_{session[0]}{n}",
        )
        for n in range(turns)
    ]
    return made


def state_of(home: Home, at: int = NOW_MS) -> LiveState:
    """What the question says of a home."""
    with home.ledger() as ledger:
        return live_state(ledger.db, BOOK, UTC, at)


def plain_text(rows: Iterable[Row]) -> str:
    """The rows of a live screen without their styles."""
    return "\n".join("".join(cell.text for cell in row).rstrip() for row in rows)
