"""`tachograph team`: spend and limits of a team, from its hub, as this member may see them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from tachograph.errors import NotFound, TachographError, UsageError
from tachograph.hub.team.spend import BY
from tachograph.lean_typing import TYPE_CHECKING
from tachograph.paths import own_paths
from tachograph.text.chances import TEAM_FORECAST, chance_cell, ends_cell
from tachograph.text.format import UNKNOWN, count, duration, percent, plural, safe, tokens, usd
from tachograph.text.limits import SOURCE_WORDS
from tachograph.text.table import Column, lines
from tachograph.text.team import KIND_WORDS, hidden_sentences
from tachograph.ui.cli.context import Context
from tachograph.ui.cli.hub.exchange import require_membership
from tachograph.ui.cli.hub.team_books import books_table, print_books

if TYPE_CHECKING:
    import argparse

WHATS = ("spend", "limits", "members", "me", "books", "allow")
_KEYS = {"person": "person", "project": "project", "model": "model", "pr": "pr", "day": "period"}
_HEADINGS = {"person": "Person", "project": "Project", "model": "Model", "pr": "Pull request", "day": "Day (UTC)"}
_MEASURES = ("people", "days", "messages", "tokens", "cost_usd", "unpriced_messages")
_LIMIT_KEYS = (
    "people",
    "plan",
    "limit",
    "label",
    "percent",
    "resets_at",
    "observed_at",
    "age_seconds",
    "source",
    "account",
    "chance",
)
_ENDS = ("low", "high")  # of the percentage at the reset
_HINTS = {400: "See tachograph team --help.", 403: "See your role: tachograph team members"}
_ERRORS = {401: NotFound, 403: TachographError, 404: NotFound, 400: UsageError}


def add_flags(parser: argparse.ArgumentParser, name: str) -> None:
    parser.description = (
        "Asks the hub that this machine has joined. You see your own numbers, rows of members who allow it, and sums of"
        " at least three people (five in a team of thirty). Without more: spend by person in the last 30 days."
    )
    parser.add_argument(
        "what",
        nargs="?",
        choices=WHATS,
        default="spend",
        help="spend, limits, members, me, books (Anthropic's own reports, for owners), or allow",
    )
    parser.add_argument(
        "subject", nargs="?", choices=("spend", "limits", "books"), help="with allow: what others may see of you"
    )
    parser.add_argument("level", nargs="?", choices=("self", "manager", "team"), help="with allow: who may see it")
    parser.add_argument("--by", choices=BY, help="rows of spend (default: person) or of books (day, person or model)")
    parser.add_argument("--last", metavar="N", help="the last N days (default: 30)")
    parser.add_argument("--since", metavar="DAY", help="first day, like 2026-11-01")
    parser.add_argument("--until", metavar="DAY", help="last day")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="for programs")
    form.add_argument("--csv", action="store_true", help="for spreadsheets")
    form.add_argument("--open", action="store_true", help="open the team's pages in the browser")


def run(arguments: argparse.Namespace, context: Context) -> int:
    _check(arguments)
    arguments.by = arguments.by or ("day" if arguments.what == "books" else "person")
    if arguments.open:
        return _open(arguments, context)
    if arguments.what == "allow":
        return _allow(arguments, context)
    document = _request(context, "GET", arguments.what + _query(arguments))
    if arguments.json:
        from tachograph.ui.cli.reports import print_json

        print_json(document, context)
        return 0
    if arguments.csv:
        return _csv(arguments, document, context)
    printer = {"spend": _spend, "limits": _limits, "members": _members, "me": _me, "books": print_books}[arguments.what]
    printer(arguments, document, context)
    return 0


def _check(arguments: argparse.Namespace) -> None:
    """Refuse flags that would have no effect. Raises UsageError."""
    if arguments.subject and arguments.what != "allow":
        raise UsageError(
            f"team {arguments.what} takes no {arguments.subject!r}.", "See them apart: tachograph team, team limits"
        )
    days = arguments.since is not None or arguments.until is not None
    if arguments.last is not None and days:
        raise UsageError("--last can't be combined with --since or --until.", "Give one or the other.")
    if arguments.what not in ("spend", "books") and (arguments.by or arguments.last is not None or days):
        raise UsageError(
            f"team {arguments.what} has no --by, --last, --since or --until.", "Leave them out, or ask: tachograph team"
        )


def _query(arguments: argparse.Namespace) -> str:
    if arguments.what not in ("spend", "books"):
        return ""
    asked = {"by": arguments.by, "last": arguments.last, "since": arguments.since, "until": arguments.until}
    return "?" + urlencode({name: value for name, value in asked.items() if value is not None})


def _request(context: Context, method: str, name: str, document: dict[str, Any] | None = None) -> dict[str, Any]:
    """An answer of the hub. Raises TachographError."""
    from tachograph.hub.transport import HttpTransport

    known = require_membership(own_paths(context.env))
    if known.is_folder:
        raise TachographError("A shared folder has no team.", "Join a hub: tachograph join URL CODE")
    transport = HttpTransport(known.url, known.token, known.certificate)
    try:
        answer = transport.request(method, f"/api/team/{name}", document)
    finally:
        transport.close()
    if not answer.is_ok:
        kind = _ERRORS.get(answer.status, TachographError)
        problem = answer.problem.rstrip(".") or f"the hub answered with status {answer.status}"
        hint = _HINTS.get(answer.status, "Check the hub: tachograph machines")
        raise kind(f"{problem[0].upper()}{problem[1:]}.", hint)
    return answer.body


def _allow(arguments: argparse.Namespace, context: Context) -> int:
    if not arguments.subject or not arguments.level:
        raise UsageError("team allow needs a subject and a level.", "For example: tachograph team allow spend manager")
    _request(context, "POST", "allow", {"what": arguments.subject, "level": arguments.level})
    seen_by = {"self": "you only", "manager": "managers and owners", "team": "every member"}[arguments.level]
    context.out.write(f"Your {arguments.subject} may be seen by {seen_by}, if the hub's policy allows it too.\n")
    return 0


def _open(arguments: argparse.Namespace, context: Context) -> int:
    from tachograph.ui.cli.dashboard import open_link

    code, paths = _request(context, "POST", "link", {})["code"], own_paths(context.env)
    url = f"{require_membership(paths).url}/sign-in#{code}"
    if not open_link(paths, url, code, context.env):
        context.out.write(f"{url}\n")
        context.say("Open this address within a minute. It works once.")
    return 0


def _csv(arguments: argparse.Namespace, document: dict[str, Any], context: Context) -> int:
    from tachograph.ui.cli.reports import print_rows

    if arguments.what == "spend":
        key = _KEYS[arguments.by]
        headings = [key, "others", *_MEASURES]
        rows = [[row[name] for name in headings] for row in document["rows"]]
    elif arguments.what == "limits":
        headings = [*_LIMIT_KEYS, *(f"ends_{name}_percent" for name in _ENDS)]
        rows = [
            [", ".join(row[name]) if name == "people" else row.get(name) for name in _LIMIT_KEYS]
            + [(row.get("ends_at_percent") or {}).get(name) for name in _ENDS]
            for row in document["rows"]
        ]
    elif arguments.what == "members":
        headings = ["person", "role", "joined_on", "left_on", "shows_spend_to", "shows_limits_to"]
        rows = [[row[name] for name in headings] for row in document["rows"]]
    elif arguments.what == "books":
        headings, rows = books_table(document, _KEYS[arguments.by])
    else:
        raise UsageError("team me has no table.", "Use --json.")
    print_rows(headings, rows, context)
    return 0


def _print(columns: list[Column], context: Context, footer: bool) -> None:
    for line in lines(columns, context.columns, context.style, footer=footer):
        context.out.write(line + "\n")


def _spend(arguments: argparse.Namespace, document: dict[str, Any], context: Context) -> None:
    key, rows, totals = _KEYS[arguments.by], document["rows"], document["totals"]
    names = [safe(str(row[key])) if row[key] is not None else "others" if row["others"] else UNKNOWN for row in rows]
    every = [*rows, {**totals, "people": document["people"]["counted"]}]
    columns = [
        Column(_HEADINGS[arguments.by], [*names, "Total"], right=False, least=12),
        Column("People", [count(row["people"]) for row in every], drop=1),
        Column("Messages", [count(row["messages"]) for row in every], drop=3),
        Column("Tokens", [tokens(row["tokens"]) for row in every], drop=2),
        Column("Cost", [usd(row["cost_usd"]) for row in every]),
    ]
    _print(columns, context, footer=True)
    before, people, coverage = document["before"], document["people"], document["coverage"]
    context.out.write(
        f"\n{document['range']['since']} to {document['range']['until']} (UTC days); {usd(before['cost_usd'])} in the time before."
        f" {plural(people['present'], 'person', 'people')}, {coverage['heard']} of {plural(coverage['machines'], 'machine')}"
        " heard in two days.\n"
    )
    for sentence in hidden_sentences(document["hidden"], people["least"]):
        context.out.write(f"{sentence}\n")


def _limits(arguments: argparse.Namespace, document: dict[str, Any], context: Context) -> None:
    rows = document["rows"]
    if not rows:
        context.out.write("No limits to show. Members share theirs with: tachograph team allow limits team\n")
        return
    columns = [
        Column("Used", [UNKNOWN if row["percent"] is None else percent(row["percent"] / 100) for row in rows]),
        Column("Limit", [safe(row["label"] or row["limit"]) for row in rows], right=False),
        Column("People", [safe(", ".join(row["people"])) for row in rows], right=False, least=10),
        Column("Chance", [chance_cell(row.get("chance")) for row in rows], drop=1),
        Column("At reset", [ends_cell(row.get("ends_at_percent")) for row in rows], drop=2),
        Column("Plan", [safe(row["plan"] or UNKNOWN) for row in rows], right=False, drop=4),
        Column("Read", [f"{duration(row['age_seconds'])} ago" for row in rows], drop=3),
        Column("Source", [safe(SOURCE_WORDS.get(row["source"], row["source"])) for row in rows], right=False, drop=5),
    ]
    _print(columns, context, footer=False)
    if any(row.get("chance") is not None for row in rows):
        context.out.write(f"\n{TEAM_FORECAST}\n")
    if document["hidden"]:
        number = document["hidden"]["people"]
        context.out.write(
            f"\n{plural(number, 'member')} {'does' if number == 1 else 'do'} not share theirs with you.\n"
        )


def _members(arguments: argparse.Namespace, document: dict[str, Any], context: Context) -> None:
    rows = document["rows"]
    columns = [
        Column("Person", [safe(row["person"]) for row in rows], right=False, least=12),
        Column("Role", [row["role"] for row in rows], right=False),
        Column("Joined", [row["joined_on"] or UNKNOWN for row in rows], right=False, drop=2),
        Column("Left", [row["left_on"] or "" for row in rows], right=False, drop=3),
        Column("Spend seen by", [row["shows_spend_to"] for row in rows], right=False, drop=1),
        Column("Limits seen by", [row["shows_limits_to"] for row in rows], right=False, drop=1),
    ]
    _print(columns, context, footer=False)
    context.out.write(f"\nPolicy of the hub: {document['policy']}.\n")


def _me(arguments: argparse.Namespace, document: dict[str, Any], context: Context) -> None:
    held = sorted((KIND_WORDS.get(kind, kind), number) for kind, number in document["facts"].items())
    facts = ", ".join(f"{words} {count(number)}" for words, number in held) or "nothing"
    out = context.out
    out.write(f"{safe(document['person'])}, {document['role']}. The hub holds: {facts}.\n")
    for what in ("spend", "limits"):
        seen_by = ", ".join(map(safe, document["seen_by"][what])) or "you only"
        out.write(f"Your {what}: seen by {seen_by}.\n")
    for line in document["record"][:10]:
        out.write(f"  {line['on']}  {safe(line['who'] or 'hub')}  {safe(line['action'])}\n")
    if document["contested"]:
        out.write(f"{plural(document['contested'], 'message')} count for another member who sent them too.\n")
    out.write(
        "Change who sees you: tachograph team allow spend|limits self|manager|team. Erase: tachograph team --open, Me\n"
    )
