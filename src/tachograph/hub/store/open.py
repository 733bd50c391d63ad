"""Open the hub's database, create it, and bring an older one up to date."""

import secrets

from tachograph.errors import LedgerError
from tachograph.hub.store import schema
from tachograph.hub.store.database import Database, repeat
from tachograph.hub.store.hub_store import HubStore
from tachograph.hub.store.postgres import PostgresDatabase, is_address
from tachograph.hub.store.sqlite import SqliteDatabase


def open_store(where: str, now_ms: int) -> HubStore:
    """A hub's store in a file or at a PostgreSQL address. Raises LedgerError, TachographError without the driver."""
    database: Database = PostgresDatabase(where) if is_address(where) else SqliteDatabase(where)
    return HubStore(database, repeat(database, lambda: _prepare(database, now_ms)))


def _prepare(database: Database, now_ms: int) -> bool:
    """Bring the schema up to date; True if the database may be written (False: a newer version wrote it)."""
    version = database.version()
    if version > schema.VERSION:
        return False
    if version == schema.VERSION:
        return True
    if isinstance(database, PostgresDatabase):
        database.create_schema()
    try:
        with database.transaction():
            if version:
                database.all(f"SELECT id FROM hub{database.lock}")  # a second hub that starts now waits
            version = database.version()
            for number in range(version + 1, schema.VERSION + 1):
                for statement in schema.statements(number):
                    database.run(database.table(statement))
                if number == 1:
                    id, salt = secrets.token_hex(8), secrets.token_hex(16)
                    database.run("INSERT INTO hub (id, salt, made_at) VALUES (?, ?, ?)", (id, salt, now_ms))
                database.set_version(number)
    except LedgerError as error:
        if version and "read-only" in error.message:
            return False  # a replica of an older schema can still be read
        raise
    return True
