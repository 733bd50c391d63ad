"""A ledger in words: its rows with texts in the place of the numbers that stand for them, so that two can be compared."""

from contextlib import closing
from typing import Any

from helpers import Home
from tachograph.ledger.usage import ways

Rows = dict[str, list[tuple[Any, ...]]]

NAMED = ("model", "speed", "geo", "stop", "branch", "cwd", "agent", "owner", "folder", "project", "place")
OTHER = {"session": "session.uuid", "account": "account.uuid", "pull": "pull.url"}


def ledger_rows(home: Home) -> Rows:
    """All that a ledger says of messages, sessions and links, without the numbers that stand for texts."""
    with closing(home.db()) as db:

        def table(name: str, *left_out: str) -> list[tuple[Any, ...]]:
            columns = [row[1] for row in db.execute(f"PRAGMA table_info({name})") if row[1] not in left_out]
            words = [_word(name, column) for column in columns]
            return sorted(db.execute(f"SELECT {', '.join(words)} FROM {name}").fetchall(), key=repr)

        copies = "SELECT identity, uuid, copy.flags FROM copy JOIN message ON message.id = message JOIN session"
        spans = "SELECT uuid, first_at, last_at FROM session WHERE first_at IS NOT NULL ORDER BY uuid"
        pulls = "SELECT url, number, repository FROM pull ORDER BY url"
        return {
            "message": table("message", "id", "origin"),
            "rollup": table("rollup"),
            "hour": table("hour"),
            "link": table("link"),
            "copy": sorted(db.execute(f"{copies} ON session.id = copy.session").fetchall()),
            "session": db.execute(spans).fetchall(),
            "pull": db.execute(pulls).fetchall(),
        }


def _word(table: str, column: str) -> str:
    """The column, with the text in the place of a number that stands for one."""
    if column in ("way", "own_way"):
        texts = " || ',' || ".join(f"(SELECT text FROM name WHERE name.id = way.{one})" for one in ways.COLUMNS)
        return f"(SELECT {texts} FROM way WHERE way.id = {table}.{column})"
    if column in NAMED:
        return f"(SELECT text FROM name WHERE name.id = {table}.{column})"
    if column in OTHER:
        other, text = OTHER[column].split(".")
        return f"(SELECT {text} FROM {other} WHERE {other}.id = {table}.{column})"
    return f"{table}.{column}"


def without_home(rows: Rows, home: Home) -> Rows:
    """The same with `~` for the home folder, which differs between homes."""
    root = str(home.root)
    return {
        name: sorted((tuple(v.replace(root, "~") if isinstance(v, str) else v for v in row) for row in lines), key=repr)
        for name, lines in rows.items()
    }
