"""`tachograph notifications`: list them; turn them on or off, dismiss or test them."""

from __future__ import annotations

from tachograph.errors import UsageError
from tachograph.lean_typing import TYPE_CHECKING
from tachograph.ledger.limits import notifications
from tachograph.ledger.limits.accounts import accounts
from tachograph.ledger.limits.notifications import StoredNotification
from tachograph.ledger.storage.open import open_ledger
from tachograph.ledger.storage.preferences import get_preference, set_preference
from tachograph.model.usage.periods import Calendar, parsed_zone
from tachograph.paths import own_paths
from tachograph.settings import NotificationSettings, load
from tachograph.text.format import iso, safe
from tachograph.ui.cli.context import Context
from tachograph.ui.documents.reports import FORMAT

if TYPE_CHECKING:
    import argparse

_SHOWN_MS = 30 * 86_400_000
_WHAT = ("on", "off", "dismiss", "test")


def add_flags(parser: argparse.ArgumentParser, name: str) -> None:
    parser.description = (
        "The recorder (`tachograph start`) notifies once per window and threshold. Set thresholds, quiet"
        " hours and sound in settings.toml under [notifications]."
    )
    parser.add_argument(
        "what",
        nargs="?",
        metavar="on|off|dismiss|test",
        help="turn on or off, dismiss active notifications, or send a test",
    )
    parser.add_argument("--json", action="store_true", help="for programs")


def run(arguments: argparse.Namespace, context: Context) -> int:
    if arguments.what not in (None, *_WHAT):
        raise UsageError(
            f"Unknown action {arguments.what!r}.", f"Use one of {', '.join(_WHAT)}, or nothing for a list."
        )
    paths, now = own_paths(context.env), context.clock.now_ms()
    settings = load(paths.settings)
    if arguments.what == "test":
        return _test(settings.notifications, context)
    with open_ledger(paths, now) as ledger:
        if arguments.what in ("on", "off"):
            with ledger.transaction() as db:
                set_preference(db, "alarms", arguments.what, now)
            undo = "off" if arguments.what == "on" else "on"
            print(f"Notifications are {arguments.what}. Undo: tachograph notifications {undo}", file=context.out)
            return 0
        if arguments.what == "dismiss":
            with ledger.transaction() as db:
                count = notifications.dismiss(db, now)
            said = f"{count} silenced until their windows reset." if count else "No active notifications."
            print(said, file=context.out)
            return 0
        state = get_preference(ledger.db, "alarms", "on")
        raised = notifications.stored_notifications(ledger.db, now - _SHOWN_MS)
        names = {account.id: account.name for account in accounts(ledger.db)}
    for problem in settings.problems:
        context.say(f"tachograph: {problem}")
    if arguments.json:
        from tachograph.ui.cli.reports import print_json

        print_json(_document(state, settings.notifications, raised, names, now), context)
        return 0
    calendar = Calendar(*parsed_zone(settings.timezone))
    for line in _screen(state, settings.notifications, raised, names, calendar):
        print(line, file=context.out)
    return 0


def _test(settings: NotificationSettings, context: Context) -> int:
    """Send a test through every channel; 1 if one of them failed."""
    from tachograph.recorder.desktop_notification import notify
    from tachograph.recorder.forwarding import TEST, run_command, send_webhook

    outcomes: list[tuple[str, str]] = []
    if settings.desktop:
        outcomes.append(("desktop", notify(TEST.title, TEST.text, settings.sound, context.env)))
    if settings.command:
        outcomes.append(("command", run_command(TEST, settings, context.env)))
    if settings.webhook:
        outcomes.append(("webhook", send_webhook(TEST, settings)))
    if not outcomes:
        print(
            "No channel is on: set desktop, command or webhook under [notifications] in settings.toml.",
            file=context.out,
        )
        return 1
    for channel, problem in outcomes:
        print(f"{channel:<8} {f'failed: {safe(problem)}' if problem else 'sent'}", file=context.out)
    if outcomes[0][0] == "desktop":
        if outcomes[0][1]:
            print("Without a desktop use `tachograph now`, the status line or `tachograph guard`.", file=context.out)
        else:
            print("If nothing appeared, check your desktop's notification settings.", file=context.out)
    return int(any(problem for _, problem in outcomes))


def _screen(
    state: str,
    settings: NotificationSettings,
    raised: list[StoredNotification],
    names: dict[int, str],
    calendar: Calendar,
) -> list[str]:
    percents = ", ".join(f"{threshold:g}" for threshold in settings.thresholds)
    spend = ", ".join(f"{threshold:g}" for threshold in settings.spend)
    per = f", or every {settings.spend_amount:g} where it has no cap" if settings.spend_amount else ""
    quiet = "never" if settings.quiet is None else " to ".join(f"{m // 60:02d}:{m % 60:02d}" for m in settings.quiet)
    made = [
        f"Notices are {state}.",
        f"  5-hour and pressing weekly limit   at {percents} %, and when a reached one resets",
        f"  extra usage                        at {spend} % of its cap{per}",
        f"  quiet                              {quiet}",
        "",
    ]
    if not raised:
        return [*made, "No notifications in the last 30 days."]
    several = len({one.account for one in raised}) > 1
    for one in raised[:20]:
        who = f"{safe(names.get(one.account) or '–')}  " if several else ""
        aside = (
            "  dismissed"
            if one.dismissed_at is not None
            else ""
            if one.is_shown
            else "  waits for the end of quiet hours"
        )
        made.append(f"  {calendar.local(one.at):%Y-%m-%d %H:%M}  {who}{safe(one.text)}{aside}")
    if len(raised) > 20:
        made.append(f"  and {len(raised) - 20} more")
    return made


def _document(
    state: str, settings: NotificationSettings, raised: list[StoredNotification], names: dict[int, str], now: int
) -> dict[str, object]:
    return {
        "format": FORMAT,
        "generated_at": iso(now),
        "on": state == "on",
        "thresholds": list(settings.thresholds),
        "spend": list(settings.spend),
        "spend_amount": settings.spend_amount,
        "quiet": None if settings.quiet is None else [f"{m // 60:02d}:{m % 60:02d}" for m in settings.quiet],
        "alarms": [
            {
                "at": iso(one.at),
                "account": names.get(one.account) or None,
                "kind": one.kind,
                "key": one.key,
                "threshold": one.threshold,
                "percent": one.percent,
                "resets_at": iso(one.cycle or None),
                "text": one.text,
                "shown": one.is_shown,
                "dismissed_at": iso(one.dismissed_at),
            }
            for one in raised
        ],
    }
