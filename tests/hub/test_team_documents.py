"""docs/json.md describes every key of every document of teams and machines, and no other."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from admin_reports_server import reports_server
from helpers import NOW_MS, Home
from hub.test_books import DAY, MAILS, of_people, owner_home
from hub.test_team_forecasts import pair, read_limits
from hub_server import Hub, hub, identity, join, sync, token_of
from hub_team import get, team, work
from test_docs import page, section, table, words

ENVELOPE = {"format", "report", "generated_at", "timezone", "range", "range.since", "range.until", "rows"}
BY = ("person", "project", "model", "pr", "day")
KINDS = {"facts"}  # their keys are kinds, not names of ours


def keys(value: Any, prefix: str = "") -> Iterator[str]:
    """The paths of all keys in a document: `a.b`, and `a[].b` for objects in an array."""
    for name, inner in value.items():
        path = f"{prefix}{name}"
        yield path
        if isinstance(inner, dict) and name not in KINDS:
            yield from keys(inner, f"{path}.")
        for one in inner if isinstance(inner, list) else ():
            if isinstance(one, dict):
                yield from keys(one, f"{path}[].")


def described(heading: str, text: str = "") -> set[str]:
    rows = table(text or section(page("json.md"), heading))
    return {key for row in rows for key in words(row[0])}


def with_containers(paths: set[str]) -> set[str]:
    """Paths with the objects and arrays that they name by the way."""
    found = set(paths)
    for path in paths:
        parts = path.split(".")
        found |= {".".join(parts[:n]).removesuffix("[]") for n in range(1, len(parts))}
    return found


def check(heading: str, documents: list[Any], more: set[str] = ENVELOPE, text: str = "") -> None:
    real = {path for document in documents for path in keys(document)} - more
    expected = with_containers(described(heading, text)) - more
    assert real - expected == set(), f"{heading}: not described"
    assert expected - real == set(), f"{heading}: described and not there"


def test_documents_of_a_team_are_as_described(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        ada, bob = pair(tmp_path, served)
        others = {name: Home(tmp_path / name) for name in ("cleo", "dan")}
        for name, home in others.items():
            work(home, name)
            join(home, served.invite(name), f"{name}-laptop", "--share", "names")
        (others["cleo"].claude / ".claude.json").write_text(identity(1))
        read_limits(others["cleo"], 40)
        sync(*others.values())
        for home in (bob, *others.values()):
            home.run("team", "allow", "spend", "self")
        spend = [ada.call("team", "--json", "--by", by).json for by in BY]  # nobody shares yet
        for home in (bob, *others.values()):
            home.run("team", "allow", "spend", "team")
        others["dan"].run("team", "allow", "spend", "self")
        bob.run("team", "allow", "limits", "team")
        sync(bob)
        served.run_sql(f"UPDATE machine SET seen_at = {NOW_MS - 9 * 86_400_000} WHERE name = 'bob-laptop'")
        spend += [ada.call("team", "--json", "--by", by).json for by in BY]
        check("### team limits", [ada.call("team", "limits", "--json").json])
        check("### team members", [ada.call("team", "members", "--json").json])
        own = ada.call("team", "me", "--json").json
        check("### team me", [own])
        assert "policy team" in {line["action"] for line in own["record"]}
        check_hub(served.home, ada)
        served.kill()
        served.set_schema(99)
        served.start()
        spend.append(ada.call("team", "--json").json)
        check("### team", spend)


def check_hub(home: Home, machine: Home) -> None:
    stamps = {"format", "generated_at"}
    check("### machines and sync", [machine.call("machines", "--json").json], stamps)
    text = section(page("json.md"), "### machines and sync")
    assert {"sent", "received", "problem"} == machine.call("sync", "--json").json.keys() - stamps
    assert all(f"`{name}`" in text for name in ("sent", "received", "problem"))
    members = home.call("hub", "members", "--json").json
    check("### hub", [members], stamps)
    text = section(page("json.md"), "### hub").rpartition("|\n")[2]
    named = set(words(text))
    status = home.call("hub", "status", "--json").json
    assert status.keys() - members.keys() <= named
    for command in ("settle", "doctor"):
        assert home.call("hub", command, "--json").json.keys() - stamps <= named
    assert named - {"hub status --json", "hub settle --json", "hub doctor --json", "members", "messages"} == (
        status.keys() - members.keys() - {"messages"}
    ) | {"contested", "repaired"}


def test_documents_of_anthropics_reports_are_as_described(tmp_path: Path) -> None:
    with reports_server() as reports:
        reports.uses[DAY] = of_people(*MAILS)
        reports.uses["2026-11-20"] = of_people(MAILS[0], day="2026-11-20")  # too few: hidden
        reports.costs[DAY] = "275.5"
        served = Hub(owner_home(tmp_path / "hub", reports))
        try:
            ada = team(tmp_path, served, {"ada": "owner", "max": "manager", "bob": "member"})["ada"]
            served.home.run("hub", "books")
            check(
                "### team books",
                [ada.call("team", "books", "--json", "--by", by).json for by in ("day", "person", "model")],
            )
        finally:
            served.kill()


def test_changes_of_a_team_are_as_described(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        machines = team(tmp_path, served, {"ada": "owner", "bob": "member", "cleo": "member"})
        values: dict[str, Any] = {
            "what": "spend", "level": "team", "name": "bob", "role": "manager", "machine": "cleo-laptop", "erase": False
        }  # fmt: skip
        rows = table(section(page("json.md"), "### Changes at /api/team"))
        names = [words(row[0])[0].split(" /api/team/") for row in rows]
        order = ["allow", "link", "policy", "invite", "role", "revoke", "remove", "me"]
        assert sorted(name for _, name in names) == sorted(order)
        for (method, name), row in sorted(zip(names, rows, strict=True), key=lambda one: order.index(one[0][1])):
            body = {key: values[key] for key in words(row[2]) if key in values} if method == "POST" else None
            refused = get(served, name, token_of(machines["bob"]), method, body) if row[1] == "owners" else (403, {})
            assert refused[0] in (401, 403), name
            status, answer = get(served, name, token_of(machines["ada"]), method, body)
            assert status == 200 and set(answer) == set(words(row[3])) - {"/sign-in#CODE"}, (name, answer)
