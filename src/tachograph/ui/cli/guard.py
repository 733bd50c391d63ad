"""`tachograph guard`: an exit code for scripts and agent loops that says whether to go on."""

from __future__ import annotations

import time

from tachograph.errors import NotFound, TachographError, UsageError
from tachograph.lean_typing import TYPE_CHECKING
from tachograph.ledger.storage.open import open_ledger
from tachograph.model.usage.periods import Calendar
from tachograph.paths import own_paths
from tachograph.queries.estimates.constants import CAP_OF
from tachograph.queries.limits.current import FRESH_MS, UNKNOWN, Now, NowAccount
from tachograph.queries.limits.current import now as now_question
from tachograph.queries.limits.guard import (
    AT_WALL,
    CLEAR,
    EXIT_CODES,
    NEAR,
    Verdict,
    find_accounts,
    find_limit_keys,
    judge,
)
from tachograph.queries.limits.refused import last_model
from tachograph.text.format import duration, iso, safe
from tachograph.text.limits import SOURCE_WORDS, countdown, full_name
from tachograph.ui.cli.context import Context
from tachograph.ui.cli.question import add_question_flags, ask_ledger
from tachograph.workspace.snapshot import Snapshot

if TYPE_CHECKING:
    import argparse

_LOOK_SECONDS = 5.0  # between two looks of a guard that waits: the recorder or a status line may bring news


def add_flags(parser: argparse.ArgumentParser, name: str) -> None:
    parser.description = (
        "Exit code: 0 below the threshold, 10 near it, 11 at the limit, 12 on metered extra"
        " usage (0 with --allow-overage), 20 if unknown. Checks the account in use and its pressing limits."
    )
    parser.add_argument("--threshold", type=float, default=90.0, metavar="N", help="threshold in percent (default: 90)")
    parser.add_argument(
        "--limit", metavar="NAME", help="this limit only: five_hour, seven_day, opus, or a key of `now`"
    )
    parser.add_argument(
        "--model", metavar="NAME", help="the limits that would stop this model (default: the one used last)"
    )
    parser.add_argument("--account", metavar="NAME", help="this account: its label, or the beginning of it")
    parser.add_argument("--allow-overage", action="store_true", help="metered extra usage counts as clear")
    parser.add_argument(
        "--max-age", type=float, metavar="MINUTES", help="how old a number below the threshold may be (default: 30)"
    )
    parser.add_argument(
        "--forecast",
        nargs="?",
        type=float,
        const=50.0,
        metavar="ODDS",
        help="near (10) also if the chance to reach the limit before it resets is at least this percent (50)",
    )
    parser.add_argument("--wait", action="store_true", help="sleep until it is clear")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="with --wait: no longer than this")
    parser.add_argument("--quiet", action="store_true", help="the exit code only")
    parser.add_argument("--json", action="store_true", help="for programs")
    add_question_flags(parser)
    parser.epilog = "Example:  tachograph guard && claude -p 'the next task'"


def run(arguments: argparse.Namespace, context: Context) -> int:
    if not 0 < arguments.threshold <= 1000:
        raise UsageError(f"--threshold {arguments.threshold:g}: give a percentage such as 90.")
    if arguments.forecast is not None and not 0 < arguments.forecast <= 100:
        raise UsageError(f"--forecast {arguments.forecast:g}: give a chance in percent such as 50.")
    try:
        verdict, calendar, at = _asked(arguments, context)
        if (
            _is_stopped_by_old_number(verdict, at)
            and not getattr(arguments, "no_ingest", False)
            and _ask_sources(context)
        ):
            verdict, calendar, at = _asked(arguments, context)
        if arguments.wait and verdict.state != CLEAR:
            verdict, calendar, at = _waited(arguments, context, verdict, calendar, at)
    except (UsageError, NotFound):
        raise
    except TachographError as trouble:  # the ledger cannot be used: nobody knows
        context.say(f"tachograph: {trouble.message} {trouble.hint}".rstrip())
        return EXIT_CODES[UNKNOWN]
    if arguments.json:
        from tachograph.ui.cli.reports import print_json

        print_json(_document(verdict, at), context)
    elif not arguments.quiet:
        print(said(verdict, calendar, at), file=context.out)
    return verdict.exit_code


def _is_stopped_by_old_number(verdict: Verdict, at: int) -> bool:
    """Does an old value, that no refusal confirms, say stop?"""
    limit = verdict.limit
    if limit is None or verdict.state not in (NEAR, AT_WALL) or limit.refused_at is not None:
        return False
    return limit.age_ms(at) > FRESH_MS


def _ask_sources(context: Context) -> bool:
    """Ask the sources that may be asked for a new reading; False without such a source."""
    from tachograph.recorder import poller

    with open_ledger(own_paths(context.env), context.clock.now_ms()) as ledger:
        if ledger.readable_only or not poller.methods(ledger):
            return False
        return bool(poller.refresh(ledger, context.env, context.clock))


def _why(verdict: Verdict) -> str:
    if verdict.chance is None:
        return verdict.why
    from tachograph.text.chances import guard_chance

    return guard_chance(verdict.why, verdict.chance)


def said(verdict: Verdict, calendar: Calendar, at: int) -> str:
    """`near: the 5-hour limit of ada@example.org is at 91 %; resets in 40 min, 12:00 (status line, 2 min ago)`."""
    if verdict.account is None or verdict.limit is None:
        return f"{verdict.state}: {_why(verdict)}; `tachograph sources` says where readings come from"
    limit = verdict.limit
    of = f" of {safe(verdict.account.label)}" if verdict.account.label else ""
    if limit.is_overdue:
        of = f"{of} (its reset has passed, the service still reports it)"
    resets = f"; resets {countdown(limit.resets_at, at, calendar)}" if limit.resets_at and limit.resets_at > at else ""
    source = SOURCE_WORDS.get(limit.source, limit.source)
    age = limit.age_ms(at) if limit.answered_at is None else at - limit.answered_at
    when = f"{duration(age / 1000)} ago" if age >= 0 else f"{duration(-age / 1000)} in the future"
    why = _why(verdict)
    why = why.removeprefix("it") if why.startswith("it ") else f": {why}"
    return f"{verdict.state}: {full_name(limit)}{of}{why}{resets} ({source}, {when})"


def _asked(arguments: argparse.Namespace, context: Context) -> tuple[Verdict, Calendar, int]:
    wants_chance = arguments.forecast is not None

    def ask(found: Snapshot) -> tuple[Now, Calendar, dict[int, dict[str, float]], dict[int, str]]:
        now = now_question(found.db, found.now)
        models = {account.id: last_model(found.db, account.id, found.now) for account in now.accounts}
        return now, found.calendar, _chances(found, now) if wants_chance else {}, models

    now, calendar, chances, models = ask_ledger(arguments, context, ask, limits=True, learns=wants_chance)
    account: NowAccount | None = None
    keys: tuple[str, ...] = ()
    if arguments.account:
        meant = find_accounts(now, arguments.account)
        if len(meant) != 1:
            known = ", ".join(safe(a.label or a.uuid) for a in now.accounts) or "none yet"
            word = "is not known" if not meant else "means several accounts"
            raise NotFound(f"{arguments.account!r} {word}.", f"Known: {known}.")
        account = meant[0]
    if arguments.limit:
        keys = find_limit_keys(now, arguments.limit)
        if not keys and now.accounts:
            known = ", ".join(sorted({safe(limit.key) for a in now.accounts for limit in a.limits})) or "none yet"
            raise NotFound(f"No limit {arguments.limit!r}.", f"Known: {known}.")
        keys = keys or (arguments.limit,)
    of = account or next(iter(now.accounts), None)
    verdict = judge(
        now,
        account=of,
        keys=keys,
        threshold=arguments.threshold,
        allow_overage=arguments.allow_overage,
        fresh_ms=None if arguments.max_age is None else int(arguments.max_age * 60_000),
        chances=_of(chances, account, now) if wants_chance else None,
        odds=(arguments.forecast or 0.0) / 100,
        model=arguments.model or ("" if of is None else models.get(of.id, "")),
    )
    return verdict, calendar, now.at


def _chances(found: Snapshot, now: Now) -> dict[int, dict[str, float]]:
    """Known chances to reach a limit before it resets, by account and limit."""
    from tachograph.queries.estimates.forecast import forecast

    return {
        account.id: {
            one.key: one.chance
            for one in forecast(found.db, found.book, account, found.now)
            if one.chance is not None and one.of != CAP_OF
        }
        for account in now.accounts
    }


def _of(chances: dict[int, dict[str, float]], account: NowAccount | None, now: Now) -> dict[str, float]:
    of = account if account is not None else now.accounts[0] if now.accounts else None
    return {} if of is None else chances.get(of.id, {})


def _waited(
    arguments: argparse.Namespace, context: Context, verdict: Verdict, calendar: Calendar, at: int
) -> tuple[Verdict, Calendar, int]:
    """Sleep until it is clear, or the time is over."""
    end = None if arguments.timeout is None else context.clock.monotonic() + arguments.timeout
    spoken = ""
    while verdict.state != CLEAR:
        words = said(verdict, calendar, at)
        if not arguments.quiet and words.partition("(")[0] != spoken:
            spoken = words.partition("(")[0]
            context.say(f"Waiting. {words}")
        left = _LOOK_SECONDS if end is None else min(_LOOK_SECONDS, end - context.clock.monotonic())
        if left <= 0:
            break
        time.sleep(left)
        verdict, calendar, at = _asked(arguments, context)
    return verdict, calendar, at


def _document(verdict: Verdict, at: int) -> dict[str, object]:
    from tachograph.ui.documents.reports import FORMAT  # long: seldom needed

    limit, account = verdict.limit, verdict.account
    return {
        "format": FORMAT,
        "generated_at": iso(at),
        "state": verdict.state,
        "exit_code": verdict.exit_code,
        "why": _why(verdict),
        "threshold": verdict.threshold,
        "account": None if account is None else account.label or account.uuid or None,
        "limit": None if limit is None else limit.key,
        "percent": None if limit is None else limit.percent,
        "chance": None if limit is None else limit.chance,
        "resets_at": None if limit is None else iso(limit.resets_at),
        "source": None if limit is None else limit.source,
        "age_seconds": None if limit is None else limit.age_ms(at) // 1000,
    }
