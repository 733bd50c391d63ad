"""Ways to run a report as on a terminal, and to read what it prints."""

from typing import Any

from helpers import Home


def periods(home: Home, *arguments: str) -> list[str | None]:
    return [row["period"] for row in home.report(*arguments)["rows"]]


def cost(home: Home) -> Any:
    return home.report("daily")["totals"]["cost_usd"]


def table_of(printed: str) -> list[str]:
    """The lines of the table: up to the first empty one."""
    return printed.split("\n\n")[0].split("\n")
