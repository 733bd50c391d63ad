"""The hub's database: one schema and one set of statements, on SQLite or PostgreSQL."""

from tachograph.hub.store.hub_store import HubStore
from tachograph.hub.store.open import open_store
from tachograph.hub.store.rows import Invite, Machine, Member

__all__ = ["HubStore", "Invite", "Machine", "Member", "open_store"]
