"""What a person has set, from one TOML file; everything has a default, and a bad value is a problem, never a stop."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from tachograph.errors import UsageError
from tachograph.model.periods import parsed_weekday, parsed_zone

_NO_PRICES: Mapping[str, object] = {}


class Settings(NamedTuple):
    """`timezone` as an IANA name or "local"; `week_start` 0 for Monday; `prices` as model/prices.py reads them."""

    timezone: str = "local"
    week_start: int = 0
    prices: Mapping[str, object] = _NO_PRICES
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
    settings, problems = Settings(), []
    for key, value in table.items():
        try:
            if key == "timezone":
                settings = settings._replace(timezone=_zone(value))
            elif key == "week_start":
                settings = settings._replace(week_start=parsed_weekday(str(value)))
            elif key == "prices" and isinstance(value, Mapping):
                settings = settings._replace(prices=value)
            else:
                problems.append(f"{path}: {key} is not a setting")
        except UsageError as error:
            problems.append(f"{path}: {key}: {error.message} {error.hint}")
    return settings._replace(problems=tuple(problems))


def _zone(value: object) -> str:
    parsed_zone(str(value))
    return str(value)
