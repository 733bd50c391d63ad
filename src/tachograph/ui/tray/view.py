"""Content of the tray as plain values: a title of colored pieces, an icon, a tooltip, and the rows of a menu.

Pure: equal input gives an equal menu. The platform modules (linux.py, macos.py, windows.py) only draw it.
"""

from typing import NamedTuple

from tachograph.model.limits.limits import EXTRA_USAGE
from tachograph.model.usage.periods import Calendar
from tachograph.queries.limits.current import FRESH_MS, OVERAGE, RESET, WALL, NowAccount, NowLimit
from tachograph.queries.limits.now_limit import elapsed, whole_percent
from tachograph.queries.tray_state import TITLES, TrayState
from tachograph.text.account_notes import banked_words
from tachograph.text.chances import chance_before, chance_short
from tachograph.text.format import UNKNOWN, cut, safe, usd
from tachograph.text.limits import clock, level_of, percent_words, shown_percent, sign, source_words
from tachograph.ui.documents.now import (
    extra_words,
    headline,
    limit_words,
    pressing,
    problem_words,
    title,
    title_parts,
)

_LONGEST = 96  # characters of a row: menus grow as wide as their widest

# What a row does when it is chosen; some are followed by an argument.
OPEN_USAGE, REFRESH, QUIT, DASHBOARD, DISMISS, RECORDER = "open", "refresh", "quit", "dashboard", "dismiss", "recorder"
FORGET, STYLE, LEAD, ALARMS, LOGIN = "forget:", "style:", "lead:", "alarms:", "login:"


class Segment(NamedTuple):
    """A piece of the title; `level` as in ui/documents/now.py, "" for text without a number."""

    text: str
    level: str = ""


class Icon(NamedTuple):
    """Text of the icon, at most three characters, and the level that colors it."""

    text: str
    level: str


class Row(NamedTuple):
    """A row of the menu. `key` stays the same as long as it is the same row, whatever it says. Without an action and
    children it is plain text; without a text it is a separator. `checked`: None without a check mark."""

    key: str
    text: str = ""
    action: str = ""
    checked: bool | None = None
    children: tuple["Row", ...] = ()
    is_radio: bool = False


class Menu(NamedTuple):
    title: tuple[Segment, ...]
    icon: Icon
    tooltip: str
    rows: tuple[Row, ...]

    @property
    def plain_title(self) -> str:
        return "".join(segment.text for segment in self.title)


class Environment(NamedTuple):
    """State outside the ledger: autostart and recorder, a message about the last action, the dashboard to open, a failure
    inside the recorder, and the week in a sentence ("" for none of these)."""

    at_login: bool = False
    recorder_runs: bool = True
    said: str = ""
    dashboard: str = ""
    failed: str = ""
    week: str = ""


def view(meter: TrayState, around: Environment, calendar: Calendar) -> Menu:
    now = meter.now
    segments = tuple(
        Segment(part.text + (f" {mark}" if (mark := sign(part.limit)) else ""), level_of(part.limit))
        if part.limit
        else Segment(part.text)
        for part in title_parts(now, meter.style)
    )
    return Menu(segments, _icon(pressing(now)), _tooltip(meter, calendar), _rows(meter, around, calendar))


def _icon(limit: NowLimit | None) -> Icon:
    level = level_of(limit)
    if limit is None or limit.percent is None:
        return Icon(UNKNOWN, level)
    return Icon("$" if level == "overage" else str(min(999, whole_percent(shown_percent(limit) or 0))), level)


def _tooltip(meter: TrayState, calendar: Calendar) -> str:
    """All limits of all accounts. Times of day and no countdowns: it changes only when a number does."""
    if not meter.now.accounts:
        return "No reading of your limits yet"
    top = pressing(meter.now)
    lines = [f"Icon: {cut(safe(top.label), 24)}"] if top is not None and len(meter.now.accounts[0].limits) > 1 else []
    for account in meter.now.accounts:
        if len(meter.now.accounts) > 1:
            lines.append(_account_name(account))
        for limit in account.shown:
            resets = f", resets {clock(limit.resets_at, meter.now.at, calendar)}" if limit.resets_at else ""
            lines.append(f"{cut(safe(limit.label), 24)} {_number(limit)}{resets}")
    return "\n".join(lines)


# -- the menu --------------------------------------------------------------------------------------------------


def _rows(meter: TrayState, around: Environment, calendar: Calendar) -> tuple[Row, ...]:
    now = meter.now
    # by id, the nameless last: who leads may change by itself, and rows stay where one looked for them
    accounts = sorted(now.accounts, key=lambda account: (account.id == 0, account.id))
    if len(accounts) == 1:  # nothing to choose between: its limits are in sight at once
        made = list(_single(accounts[0], now.at, calendar))
    else:
        made = [_account(account, now.at, calendar) for account in accounts]
    if not made:
        made = [
            Row("none", "No reading of your limits yet"),
            Row("none:how", "Get one: tachograph setup"),
        ]
    spent = usd(meter.today.usd if meter.today.tokens.messages else 0.0)
    made += [Row("line:spend"), Row("today", f"Today {spent} (API-equivalent)")]
    if (chance := _chance(meter, calendar)) != "":
        made.append(Row("forecast", chance))
    if around.week:
        made.append(Row("week", cut(safe(around.week), _LONGEST), DASHBOARD))
    made.append(Row("line:choices"))
    made.append(Row("style", "Style", children=tuple(_style(meter, kind) for kind in TITLES)))
    if len(now.accounts) > 1:
        made.append(Row("leads", "Account shown first", children=tuple(_leads(meter))))
    made += [
        Row(
            "alarms",
            f"Notifications ({'on' if meter.alarms_on else 'off'})",
            children=(
                Row("alarms:on", "Notify near a limit", f"{ALARMS}{'off' if meter.alarms_on else 'on'}", meter.alarms_on),
                Row("dismiss", "Dismiss notifications until the limits reset", DISMISS if meter.standing else ""),
            ),
        ),
        Row("line:state"),
        Row("updated", around.said or _updated_row(meter, calendar)),
    ]  # fmt: skip
    if not around.recorder_runs:
        made.append(Row("recorder", "The recorder does not run: start it", RECORDER))
    if around.failed:
        made.append(Row("failed", cut(safe(around.failed), _LONGEST)))
    made.append(Row("refresh", "Refresh now", REFRESH))
    if around.dashboard:
        made.append(Row("dashboard", "Open dashboard", DASHBOARD))
    made.append(Row("login", "Start at login", f"{LOGIN}{'off' if around.at_login else 'on'}", around.at_login))
    made.append(Row("quit", "Quit", QUIT))
    return tuple(made)


def _chance(meter: TrayState, calendar: Calendar) -> str:
    """`38 % chance to hit the limit before 14:05`: of the first account, the limit that is likelier to be reached."""
    limits = [limit for account in meter.now.accounts[:1] for limit in account.limits]
    known = [limit for limit in limits if limit.chance is not None and chance_short(limit.chance) and limit.resets_at]
    likeliest = max(known, key=lambda limit: limit.chance or 0.0, default=None)
    if likeliest is None or likeliest.chance is None or likeliest.resets_at is None:
        return ""
    return chance_before(likeliest.chance, likeliest.resets_at, lambda m: clock(m, meter.now.at, calendar))


def _account(account: NowAccount, at: int, calendar: Calendar) -> Row:
    """An account as a submenu of its limits."""
    key, stale = f"account:{account.id}", _stale_words(account, at, calendar)
    rows = (*_limit_rows(account, at, calendar), Row(f"{key}:line"), *_account_actions(account, stale))
    return Row(key, _account_text(account, stale), children=rows)


def _single(account: NowAccount, at: int, calendar: Calendar) -> tuple[Row, ...]:
    """The only account: its headline, then its limits as rows of the menu itself."""
    stale = _stale_words(account, at, calendar)
    return (
        Row(f"account:{account.id}", _account_text(account, stale)),
        *_limit_rows(account, at, calendar),
        *_account_actions(account, stale),
    )


def _account_text(account: NowAccount, stale: str) -> str:
    return f"{_account_name(account)}  [{' / '.join(_headline_parts(account))}]{stale}"


def _limit_rows(account: NowAccount, at: int, calendar: Calendar) -> tuple[Row, ...]:
    """Limits, banked resets and problems. A limit can be chosen, since desktops draw in pale grey what cannot."""
    key = f"account:{account.id}"
    rows = [Row(f"{key}:{limit.key}", _limit_row(limit, at, calendar), OPEN_USAGE) for limit in account.shown]
    extra = account.extra
    if extra is not None and (extra.enabled or extra.blocked) and account.limit(EXTRA_USAGE) is None:
        rows.append(Row(f"{key}:extra", cut(f"Extra usage   {extra_words(extra)}", _LONGEST), OPEN_USAGE))
    for place, words in enumerate(banked_words(account, at, calendar)):
        rows.append(Row(f"{key}:banked:{place}", cut(words, _LONGEST), OPEN_USAGE))
    for place, words in enumerate(problem_words(account)):
        rows.append(Row(f"{key}:problem:{place}", cut(safe(words), _LONGEST)))
    return tuple(rows)


def _account_actions(account: NowAccount, stale: str) -> tuple[Row, ...]:
    key = f"account:{account.id}"
    rows = (Row(f"{key}:open", "Open claude.ai/settings/usage", OPEN_USAGE),)
    return (
        (*rows, Row(f"{key}:forget", "Forget this account", f"{FORGET}{account.id}")) if stale and account.id else rows
    )


def _stale_words(account: NowAccount, at: int, calendar: Calendar) -> str:
    if not is_stale(account, at):
        return ""
    newest = max((limit.observed_at for limit in account.limits), default=account.seen_at)
    return f"  (stale since {clock(newest, at, calendar)})"


def is_stale(account: NowAccount, at: int) -> bool:
    """True if no reading of the account is fresh."""
    return account.gone_since is not None or all(at - limit.observed_at > FRESH_MS for limit in account.limits)


def _account_name(account: NowAccount) -> str:
    return cut(safe(account.label) or "An account without a name", 40)


def _headline_parts(account: NowAccount) -> list[str]:
    """The two numbers of the headline, with their signs."""
    numbers = [part for part in headline(account, "compact") if part.limit is not None or part.text.strip(" ·")]
    return [f"{part.text}{' ' if sign(part.limit) else ''}{sign(part.limit)}" for part in numbers]


def _limit_row(limit: NowLimit, at: int, calendar: Calendar) -> str:
    words = "; ".join(part for part in (limit_words(limit, at, calendar), _pace_words(limit, at)) if part)
    number = "" if limit.detail.left is not None else f"   {_number(limit)}"
    return cut(f"{cut(safe(limit.label), 32)}{number}{f'   {words}' if words else ''}", _LONGEST)


def _pace_words(limit: NowLimit, at: int) -> str:
    """`even pace 54 %`: the percentage at which the limit would just last to its reset."""
    share = elapsed(limit, at)
    if share is None or limit.state in (RESET, WALL, OVERAGE):
        return ""
    return f"even pace {round(100 * (1 - share if limit.shows_left else share))} %"


def _number(limit: NowLimit) -> str:
    mark = sign(limit)
    return f"{percent_words(limit)}{f' {mark}' if mark else ''}"


def _style(meter: TrayState, kind: str) -> Row:
    """Each style as it would look now."""
    text = f"{kind.capitalize()}   {cut(title(meter.now, kind), 60)}"
    return Row(f"style:{kind}", text, f"{STYLE}{kind}", meter.style == kind, is_radio=True)


def _leads(meter: TrayState) -> list[Row]:
    known = {str(account.id) for account in meter.now.accounts}
    is_auto = meter.leads not in known
    made = [Row("lead:auto", "The account in use", f"{LEAD}auto", is_auto, is_radio=True)]
    for account in sorted(meter.now.accounts, key=lambda account: account.id):
        chosen = meter.leads == str(account.id)
        made.append(Row(f"lead:{account.id}", _account_name(account), f"{LEAD}{account.id}", chosen, is_radio=True))
    return made


def _updated_row(meter: TrayState, calendar: Calendar) -> str:
    newest = max((limit for a in meter.now.accounts for limit in a.limits), key=lambda x: x.observed_at, default=None)
    if newest is None:
        return "Nothing was read yet"
    moment, today = calendar.local(newest.observed_at), calendar.day(meter.now.at)
    shown = f"{moment:%H:%M:%S}" if moment.date() == today else clock(newest.observed_at, meter.now.at, calendar)
    return f"Updated {shown} by {source_words(newest)}"
