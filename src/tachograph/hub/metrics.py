"""Totals of a hub for Prometheus. Usage comes from published sums alone, so no series shows a single person."""

from tachograph.hub.store import HubStore
from tachograph.hub.store.messages import DAY_MS
from tachograph.hub.store.releases import published_sums

TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition(store: HubStore, now_ms: int) -> str:
    """The metrics in Prometheus' text format."""
    members = [member for member in store.members() if member.is_present]
    machines = [machine for machine in store.machines() if machine.revoked_at is None]
    heard = sum(machine.seen_at > now_ms - DAY_MS for machine in machines)
    messages, tokens, cost, _ = published_sums(store.db)
    rows = (
        ("tachograph_hub_members", "gauge", "Present members.", len(members)),
        ("tachograph_hub_machines", "gauge", "Machines with access.", len(machines)),
        ("tachograph_hub_machines_heard", "gauge", "Machines that sent something within a day.", heard),
        ("tachograph_hub_writable", "gauge", "1 if the database takes new usage.", int(store.is_writable)),
        ("tachograph_hub_bytes", "gauge", "Size of the database.", store.db.size()),
        ("tachograph_team_messages_total", "counter", "Messages in published sums.", messages),
        ("tachograph_team_tokens_total", "counter", "Tokens in published sums.", tokens),
        (
            "tachograph_team_cost_usd_total",
            "counter",
            "API-equivalent cost of published sums in US dollars.",
            cost / 1e9,
        ),
    )
    return "".join(f"# HELP {name} {text}\n# TYPE {name} {kind}\n{name} {value}\n" for name, kind, text, value in rows)
