"""What a person has set, from one TOML file; everything has a default, and a bad value is a problem, never a stop."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from tachograph.errors import UsageError
from tachograph.model.usage.periods import parsed_weekday, parsed_zone

_NO_PRICES: Mapping[str, object] = {}


class AlarmSettings(NamedTuple):
    """When to say something. `thresholds` in percent of a limit, `spend` in percent of the cap of metered use;
    `spend_amount` in whole units of its currency, where there is no cap; `quiet` as minutes of the day, from and to
    (to before from: over midnight), None for never. `desktop`: as a notification of the desktop; `sound`: with one."""

    thresholds: tuple[float, ...] = (90.0, 100.0)
    spend: tuple[float, ...] = (50.0, 75.0, 90.0, 100.0)
    spend_amount: float | None = None
    quiet: tuple[int, int] | None = None
    desktop: bool = True
    sound: bool = False


class Settings(NamedTuple):
    """`timezone` as an IANA name or "local"; `week_start` 0 for Monday; `prices` as model/usage/prices.py reads them;
    `alarms`: when to say something of its own accord; `bridge_port`: where paired browsers are heard, on loopback."""

    timezone: str = "local"
    week_start: int = 0
    prices: Mapping[str, object] = _NO_PRICES
    alarms: AlarmSettings = AlarmSettings()
    bridge_port: int = 63762
    budget: float | None = None  # US dollars a month, of API-equivalent spend
    problems: tuple[str, ...] = ()


def load(path: str) -> Settings:
    """The settings in a file; the defaults where there is none."""
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
            elif key == "alarms" and isinstance(value, Mapping):
                settings = settings._replace(alarms=_alarms(value, path, problems))
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


def _alarms(table: Mapping[str, Any], path: str, problems: list[str]) -> AlarmSettings:
    """The table `[alarms]`; what is wrong in it keeps its default."""
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
        elif key in AlarmSettings._fields:
            problems.append(f"{path}: alarms.{key}: {value!r} is not understood{_ALARM_HINTS.get(key, '')}")
        else:
            problems.append(f"{path}: alarms.{key} is not a setting")
    return AlarmSettings(**found)


_ALARM_HINTS = {
    "thresholds": "; a list such as [90, 100]",
    "spend": "; a list such as [50, 75, 90, 100]",
    "quiet": '; hours such as "22:00-07:00"',
    "desktop": "; true or false",
    "sound": "; true or false",
    "spend_amount": "; an amount such as 100",
}


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
    parsed_zone(str(value))
    return str(value)
