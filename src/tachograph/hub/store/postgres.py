"""The hub's database on PostgreSQL, and on what speaks like it (Citus). Needs psycopg 3, from the extra `tachograph[hub]`."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from tachograph.errors import LedgerError, TachographError
from tachograph.hub.store.database import Busy

SCHEMA_NAME = "tachograph"  # our tables stand apart from those of other programs
_BUSY = {"40001", "40P01", "55P03", "57P01", "57P02", "57P03", "53300", "23505", "42P07", "25006-replica"}
_SENTENCES = {
    "53100": ("Its disk is full.", "Free some space; nothing that was sent is lost."),
    "25006": ("It is a read-only replica.", "Give the address of the primary with --db."),
    "42501": ("This user may not write there.", "Grant it the schema: GRANT ALL ON SCHEMA tachograph TO …"),
    "28P01": ("It refused the password.", "Check the address, or set PGPASSWORD."),
    "3D000": ("There is no such database.", "Create it: createdb NAME"),
}


def is_address(text: str) -> bool:
    """True for the address of a PostgreSQL database rather than a file."""
    return text.startswith(("postgresql://", "postgres://"))


def without_password(url: str) -> str:
    """The address as it may be shown."""
    return re.sub(r"(//[^/:@?]*):[^@/]*@", r"\1@", re.sub(r"([?&]password=)[^&]*", r"\1***", url))


def _driver() -> Any:
    try:
        import psycopg
    except ImportError as error:
        raise TachographError(
            "A hub on PostgreSQL needs the package psycopg, which is not installed.",
            "pipx inject tachograph 'psycopg[binary]'  (or install tachograph[hub])",
        ) from error
    return psycopg


@lru_cache(512)
def _postgres_sql(sql: str) -> str:
    return sql.replace("%", "%%").replace("?", "%s")


class PostgresDatabase:
    """Implements `Database`. Raises LedgerError, TachographError without the driver."""

    lock = " FOR UPDATE"

    def __init__(self, url: str) -> None:
        self.url, self._full_url = without_password(url), url
        self._driver = _driver()
        self._db: Any = None
        self.reconnect()

    def reconnect(self) -> None:
        if self._db is not None and not self._db.closed and not self._db.broken:
            return
        with self._errors():
            parts = self._driver.conninfo.conninfo_to_dict(self._full_url)
            if "search_path" not in str(parts.get("options", "")):
                parts["options"] = f"{parts.get('options', '')} -csearch_path={SCHEMA_NAME}".strip()
            parts.setdefault("connect_timeout", 10)
            parts.setdefault("application_name", "tachograph hub")
            self._db = self._driver.connect(**parts, autocommit=True)

    def all(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._errors():
            rows: list[Any] = self._db.execute(_postgres_sql(sql), values).fetchall()
            return rows

    def run(self, sql: str, values: Sequence[Any] = ()) -> int:
        with self._errors():
            return int(self._db.execute(_postgres_sql(sql), values).rowcount)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; rows that a SELECT with `lock` returned are ours until the end."""
        self.run("BEGIN")
        try:
            yield
            self.run("COMMIT")
        except BaseException:
            try:
                self._db.rollback()
            except self._driver.Error:
                self._db.close()  # lost: the server has rolled back
            raise

    def version(self) -> int:
        found = self.all("SELECT to_regclass('hub_schema')")
        if found[0][0] is None:
            return 0
        return int(self.all("SELECT max(version) FROM hub_schema")[0][0] or 0)

    def set_version(self, version: int) -> None:
        if version == 1:
            self.run("CREATE TABLE hub_schema (version INTEGER NOT NULL PRIMARY KEY)")
        self.run("INSERT INTO hub_schema VALUES (?)", (version,))

    def create_schema(self) -> None:
        """Create the schema that the tables go into."""
        name = self.all("SHOW search_path")[0][0].split(",")[0].strip().strip('"')
        if self.all("SELECT 1 FROM pg_namespace WHERE nspname = ?", (name,)):
            return
        quoted = name.replace('"', '""')
        self.run(f'CREATE SCHEMA IF NOT EXISTS "{quoted}"')

    def table(self, sql: str) -> str:
        return re.sub(r"\bBYTES\b", "BYTEA", re.sub(r"\bINTEGER\b", "BIGINT", sql))

    def size(self) -> int:
        name = "current_schema()"
        sql = f"SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM pg_class WHERE relnamespace = {name}::regnamespace AND relkind = 'r'"
        return int(self.all(sql)[0][0])

    def spread(self, tables: Sequence[str]) -> list[str]:
        if not self.all("SELECT 1 FROM pg_extension WHERE extname = 'citus'"):
            raise LedgerError(
                f"{self.url} has no Citus extension, so nothing was distributed.",
                "One PostgreSQL server is enough to about 50 million messages. Install Citus beyond that.",
            )
        sql = "SELECT relname FROM pg_dist_partition JOIN pg_class ON pg_class.oid = logicalrel WHERE relnamespace = current_schema()::regnamespace"
        known = {row[0] for row in self.all(sql)}
        done = [table for table in tables if table not in known]
        for table in done:
            self.all(
                "SELECT create_distributed_table(?::regclass, 'member', colocate_with => ?)",
                (table, "default" if table == tables[0] else tables[0]),
            )
        return done

    def back_up(self, path: str) -> None:
        raise TachographError(
            "A hub on PostgreSQL is backed up with PostgreSQL's own tools.",
            f"pg_dump --format=custom --schema={SCHEMA_NAME} --file={path} {self.url}",
        )

    def purge(self) -> None:
        """Nothing: the server overwrites deleted rows when it vacuums."""

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except self._driver.Error as error:
            state = str(error.sqlstate or "")
            is_lost = isinstance(error, self._driver.OperationalError) and (not state or state[:2] == "08")
            reason, hint = _SENTENCES.get(
                state, (_first_line(error), "Check that it runs and that the address is right, then try again.")
            )
            kind = Busy if is_lost or state in _BUSY else LedgerError
            raise kind(f"The hub's database {self.url} can't be used: {reason}", hint) from error


def _first_line(error: Exception) -> str:
    text = (str(error).strip().splitlines() or ["no reason given"])[0].rstrip(".")
    return f"{text}."
