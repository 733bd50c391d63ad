"""The SQLite file itself: connection, schema, backups, integrity, preferences."""
