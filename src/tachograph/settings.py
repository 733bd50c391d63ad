"""Settings from one TOML file. Everything has a default; a bad value is a problem, never a stop."""

from __future__ import annotations

import os
import sys

from tachograph.errors import UsageError
from tachograph.lean_typing import TYPE_CHECKING, Mapping, NamedTuple
from tachograph.paths import data_update_beside, environment_folders, own_paths

if TYPE_CHECKING:
    from typing import Any

    from tachograph.model.usage.prices import PriceBook

_NO_TABLES: Mapping[str, object] = {}
# unassigned in IANA's list of 2026; the dashboard's port is stored in dashboard.json once it is chosen
BRIDGE_PORT, DASHBOARD_PORT, HUB_PORT = 63_762, 47_613, 47_620
_NO_ALIASES: Mapping[str, str] = {}
USED, REMAINING = "used", "remaining"
_NO_BRANCHES: Mapping[str, tuple[str, ...]] = {}


class Secret(str):
    """Text that a log, an error or a test's output must not show."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret(…)"


class NotificationSettings(NamedTuple):
    """Conditions and ways of notifications. `thresholds` in percent of a limit, `spend` in percent of the cap of metered use;
    `spend_amount` in whole units of its currency if there is no cap; `quiet` as minutes of the day, from and to
    (to before from: over midnight), None for never. `desktop`: as a notification of the desktop; `sound`: with one.
    `command`: program and arguments to run; `webhook`: address to post to, in the shape `webhook_format`."""

    thresholds: tuple[float, ...] = (90.0, 100.0)
    spend: tuple[float, ...] = (50.0, 75.0, 90.0, 100.0)
    spend_amount: float | None = None
    quiet: tuple[int, int] | None = None
    desktop: bool = True
    sound: bool = False
    command: tuple[str, ...] = ()
    webhook: Secret = Secret()
    webhook_format: str = "json"


class Settings(NamedTuple):
    """`timezone` as an IANA name or "local"; `week_start` 0 for Monday; `prices` as model/usage/prices.py reads them;
    `notifications`: when and how to notify; `bridge_port`: where paired browsers are heard, on loopback."""

    timezone: str = "local"
    week_start: int = 0
    prices: Mapping[str, object] = _NO_TABLES
    notifications: NotificationSettings = NotificationSettings()
    bridge_port: int = BRIDGE_PORT
    config_dirs: tuple[str, ...] = ()  # more config folders of Claude Code
    ignore_dirs: tuple[str, ...] = ()  # config folders that are not read
    projects: Mapping[str, str] = _NO_ALIASES  # folder prefix or name of a project: the name to show
    default_branches: Mapping[str, tuple[str, ...]] = _NO_BRANCHES  # by project, folder or name
    budget: float | None = None  # US dollars a month, of API-equivalent spend
    limits: str = USED  # how percentages of limits are shown: USED or REMAINING
    problems: tuple[str, ...] = ()

    @property
    def shows_left(self) -> bool:
        """True if limits show percent left instead of percent used."""
        return self.limits == REMAINING


class SettingsFollower:
    """The settings of a file with the calendar and price book they lead to, read again when the file changes.

    `zone` and `week_start` take the place of those in the file. Nothing is read before the first `refresh`.
    """

    def __init__(self, path: str, zone: str | None = None, week_start: str | None = None) -> None:
        self._path, self._zone, self._week_start = path, zone, week_start
        self._mark: tuple[tuple[int, int], ...] | None = None
        self._apply(Settings())

    def refresh(self) -> bool:
        """Read the file if it changed since the last call. Returns True if it was read."""
        mark = tuple(map(_mark_of, (self._path, data_update_beside(self._path))))
        if mark == self._mark:
            return False
        self._apply(load(self._path))
        if mark[1] != (_NO_FILE if self._mark is None else self._mark[1]):
            use_updated_tables(self._path)  # without a data file nothing of it is loaded
        self._mark = mark
        return True

    def _apply(self, settings: Settings) -> None:
        from tachograph.model.usage.periods import Calendar, parsed_weekday, parsed_zone  # not for a status line

        self.settings = settings
        zone, name = parsed_zone(self._zone or settings.timezone)
        start = parsed_weekday(self._week_start) if self._week_start else settings.week_start
        self.calendar = Calendar(zone, name, start)
        self._book: tuple[PriceBook, tuple[str, ...]] | None = None

    @property
    def book(self) -> PriceBook:
        """The price book with the prices of the settings."""
        return self._priced()[0]

    @property
    def price_problems(self) -> tuple[str, ...]:
        """Prices in the settings that were not understood, one sentence each."""
        if not self.settings.prices and (self._mark is None or self._mark[1] == _NO_FILE):
            return ()  # without loading the book, which `now` does not need
        return self._priced()[1]

    def _priced(self) -> tuple[PriceBook, tuple[str, ...]]:
        if self._book is None:
            from tachograph.model.usage.prices import load as load_book  # the status line needs no prices

            book, problems = load_book(self.settings.prices, updated_prices(self._path))
            self._book = book, tuple(problems)
        return self._book


_NO_FILE = (0, 0)  # mark of a file that is not there


def _mark_of(path: str) -> tuple[int, int]:
    """Change time and size: two saves may fall into one tick of the file system's clock."""
    try:
        status = os.stat(path)
    except OSError:
        return _NO_FILE
    return (status.st_mtime_ns, status.st_size)


def updated_prices(settings_path: str) -> Mapping[str, object]:
    """Prices of the installed data update, by model; empty without one."""
    prices = _updated_tables(settings_path).get("prices")
    return prices if isinstance(prices, Mapping) else _NO_TABLES


def use_updated_tables(settings_path: str) -> None:
    """Use the plan names and announced changes of limits of the installed data update, or none."""
    from tachograph.model.estimates import learner
    from tachograph.model.limits import plans

    tables = _updated_tables(settings_path)
    plans.use_update(tables.get("plans", ()))
    learner.use_update(tables.get("limit_changes", ()))


def _updated_tables(settings_path: str) -> Mapping[str, object]:
    """Tables of the installed data update; empty without one. It was verified when it was installed."""
    try:
        with open(data_update_beside(settings_path), "rb") as file:
            text = file.read()
    except OSError:
        return _NO_TABLES
    import json

    try:
        tables = json.loads(text)["tables"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return _NO_TABLES
    return tables if isinstance(tables, Mapping) else _NO_TABLES


def config_folders(env: Mapping[str, str], platform: str = sys.platform) -> list[str]:
    """The Claude Code config folders that may hold a `projects` folder: those of the environment, then of the settings."""
    more, ignored = _folders_in_settings(own_paths(env, platform).settings)
    return list(dict.fromkeys(one for one in (*environment_folders(env, platform), *more) if one not in ignored))


def ignored_folders(env: Mapping[str, str]) -> tuple[str, ...]:
    """Config folders that are not read, at the person's request."""
    return _folders_in_settings(own_paths(env).settings)[1]


_last_folders: dict[str, tuple[tuple[int, int], tuple[str, ...], tuple[str, ...]]] = {}  # by settings file


def _folders_in_settings(path: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """`config_dirs` and `ignore_dirs`; the file is read only if it changed, since every tick of the recorder asks."""
    mark = _mark_of(path)
    known = _last_folders.get(path)
    if known is None or known[0] != mark:
        settings = load(path) if mark != (0, 0) else Settings()
        known = _last_folders[path] = (mark, settings.config_dirs, settings.ignore_dirs)
    return known[1], known[2]


def load(path: str) -> Settings:
    """The settings in a file; the defaults if there is no file."""
    try:
        with open(path, "rb") as file:
            text = file.read()
    except FileNotFoundError:
        return Settings()
    except OSError as error:
        return Settings(problems=(f"{path} cannot be read: {error.strerror}",))
    import tomllib  # 5 ms: only for those who have set something

    try:
        table = tomllib.loads(text.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return Settings(problems=(f"{path} is not TOML and was not used: {error}",))
    return of_table(table, path)


def of_table(table: Mapping[str, Any], path: str) -> Settings:
    from tachograph.model.usage.periods import parsed_weekday

    settings = Settings()
    problems: list[str] = []
    for key, value in table.items():
        try:
            if key == "timezone":
                settings = settings._replace(timezone=_zone(value))
            elif key == "week_start":
                settings = settings._replace(week_start=parsed_weekday(str(value)))
            elif key == "prices" and isinstance(value, Mapping):
                settings = settings._replace(prices=value)
            elif key == "budget" and _is_number(value) and value > 0:
                settings = settings._replace(budget=float(value))
            elif key == "budget":
                problems.append(f"{path}: budget: {value!r} is not understood; US dollars a month such as 200")
            elif key == "claude" and isinstance(value, Mapping):
                settings = _with_folders(settings, value, path, problems)
            elif key == "display" and isinstance(value, Mapping):
                settings = settings._replace(limits=_display(value, path, problems))
            elif key == "projects" and isinstance(value, Mapping):
                settings = settings._replace(projects=_aliases(value, path, problems))
            elif key == "default_branches" and isinstance(value, Mapping):
                settings = settings._replace(default_branches=_branches(value, path, problems))
            elif key in ("notifications", "alarms") and isinstance(value, Mapping):  # alarms: the older name
                found = _notifications(key, value, settings.notifications, path, problems)
                settings = settings._replace(notifications=found)
            elif (
                key == "bridge_port"
                and isinstance(value, int)
                and not isinstance(value, bool)
                and 1024 <= value <= 65535
            ):
                settings = settings._replace(bridge_port=value)
            elif key == "bridge_port":
                problems.append(f"{path}: bridge_port: {value!r} is not understood; a number from 1024 to 65535")
            else:
                problems.append(f"{path}: {key} is not a setting")
        except UsageError as error:
            problems.append(f"{path}: {key}: {error.message} {error.hint}")
    return settings._replace(problems=tuple(problems))


def shows_left(path: str) -> bool:
    """True if limits show percent left by the settings in a file. It is read only if it holds that word: a status line
    has no time for TOML."""
    try:
        with open(path, "rb") as file:
            return REMAINING.encode() in file.read() and load(path).shows_left
    except OSError:
        return False


def _display(table: Mapping[str, Any], path: str, problems: list[str]) -> str:
    """The table `[display]`: how limits are shown."""
    found = USED
    for key, value in table.items():
        if key == "limits" and value in (USED, REMAINING):
            found = str(value)
        elif key == "limits":
            problems.append(f'{path}: display.limits: {value!r} is not understood; "{USED}" or "{REMAINING}"')
        else:
            problems.append(f"{path}: display.{key} is not a setting")
    return found


def _notifications(
    name: str, table: Mapping[str, Any], before: NotificationSettings, path: str, problems: list[str]
) -> NotificationSettings:
    """The table `[notifications]`; a wrong value keeps its default. No problem repeats a webhook's address."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        if key in ("thresholds", "spend") and _are_percentages(value):
            found[key] = tuple(sorted({float(v) for v in value}))
        elif key == "spend_amount" and _is_number(value) and value > 0:
            found[key] = float(value)
        elif key in ("desktop", "sound") and isinstance(value, bool):
            found[key] = value
        elif key == "quiet" and (hours := _hours(value)) is not None:
            found[key] = hours
        elif key == "command" and isinstance(value, list) and value and all(_is_argument(v) for v in value):
            found[key] = tuple(value)
        elif key == "webhook" and isinstance(value, str):
            found[key] = Secret(value)
        elif key == "webhook_format" and value in WEBHOOK_FORMATS:
            found[key] = value
        elif key == "webhook":
            problems.append(f"{path}: {name}.webhook is not understood{_NOTIFICATION_HINTS[key]}")
        elif key in NotificationSettings._fields:
            problems.append(f"{path}: {name}.{key}: {value!r} is not understood{_NOTIFICATION_HINTS.get(key, '')}")
        else:
            problems.append(f"{path}: {name}.{key} is not a setting")
    return before._replace(**found)


def _is_argument(value: object) -> bool:
    """True for text that a program can be started with."""
    return isinstance(value, str) and bool(value) and "\0" not in value


WEBHOOK_FORMATS = ("json", "ntfy", "slack", "discord")
_NOTIFICATION_HINTS = {
    "command": '; a list such as ["/usr/local/bin/notify", "--urgent"]',
    "webhook": '; an address such as "https://ntfy.sh/your-topic"',
    "webhook_format": f"; one of {', '.join(WEBHOOK_FORMATS)}",
    "thresholds": "; a list such as [90, 100]",
    "spend": "; a list such as [50, 75, 90, 100]",
    "quiet": '; hours such as "22:00-07:00"',
    "desktop": "; true or false",
    "sound": "; true or false",
    "spend_amount": "; an amount such as 100",
}


def _with_folders(settings: Settings, table: Mapping[str, Any], path: str, problems: list[str]) -> Settings:
    """The settings with the lists of folders in `[claude]`, absolute; `~` is the home folder."""
    for key, value in table.items():
        if key not in ("config_dirs", "ignore_dirs"):
            problems.append(f"{path}: claude.{key} is not a setting")
        elif not isinstance(value, list) or not all(isinstance(one, str) and one.strip() for one in value):
            problems.append(f'{path}: claude.{key}: {value!r} is not understood; a list such as ["~/.claude-work"]')
        else:
            folders = [os.path.normpath(os.path.abspath(os.path.expanduser(one.strip()))) for one in value]
            folders = [os.path.dirname(one) if os.path.basename(one) == "projects" else one for one in folders]
            found = tuple(dict.fromkeys(folders))
            if key == "config_dirs":
                settings = settings._replace(config_dirs=found)
            else:
                settings = settings._replace(ignore_dirs=found)
    return settings


def _aliases(table: Mapping[str, Any], path: str, problems: list[str]) -> Mapping[str, str]:
    """The table `[projects]`: folder prefixes and the names of their projects."""
    found: dict[str, str] = {}
    for folder, name in table.items():
        if isinstance(name, str) and name.strip() and folder.strip():
            found[os.path.expanduser(folder.strip())] = os.path.expanduser(name.strip())
        else:
            problems.append(f'{path}: projects."{folder}": {name!r} is not understood; a name such as "shop"')
    return found


def _branches(table: Mapping[str, Any], path: str, problems: list[str]) -> Mapping[str, tuple[str, ...]]:
    """The table `[default_branches]`: projects and the branches that belong to no pull request there."""
    found: dict[str, tuple[str, ...]] = {}
    for project, value in table.items():
        names = [value] if isinstance(value, str) else value
        if isinstance(names, list) and names and all(isinstance(one, str) and one.strip() for one in names):
            found[os.path.expanduser(project.strip())] = tuple(one.strip() for one in names)
        else:
            problems.append(
                f'{path}: default_branches."{project}": {value!r} is not understood; a list such as ["main"]'
            )
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value and abs(value) < 1e9


def _are_percentages(value: object) -> bool:
    return isinstance(value, list) and all(_is_number(v) and 0 < v <= 1000 for v in value)


def _hours(value: object) -> tuple[int, int] | None:
    """Minutes of the day in "22:00-07:00"."""
    try:
        start, end = (time.strip().split(":") for time in str(value).split("-"))
        minutes = [int(hour) * 60 + int(minute) for hour, minute in (start, end)]
    except ValueError:
        return None
    return (minutes[0], minutes[1]) if all(0 <= m < 1440 for m in minutes) else None


def _zone(value: object) -> str:
    from tachograph.model.usage.periods import parsed_zone

    parsed_zone(str(value))
    return str(value)
