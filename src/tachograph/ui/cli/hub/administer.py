"""Actions of `tachograph hub` on the hub's own computer: invitations, members, policy, checks."""

from __future__ import annotations

import os
from typing import Any

from tachograph.clock import HOUR_MS
from tachograph.errors import NotFound, TachographError, UsageError
from tachograph.hub.names import clean_name
from tachograph.lean_typing import TYPE_CHECKING
from tachograph.text.format import count, duration, iso, plural, safe, size
from tachograph.ui.cli.context import Context
from tachograph.ui.cli.hub import books
from tachograph.ui.cli.hub.opened import OpenHub
from tachograph.ui.documents.reports import FORMAT

if TYPE_CHECKING:
    import argparse


def run(arguments: argparse.Namespace, context: Context, hub: OpenHub) -> int:
    return _ACTIONS[arguments.what](arguments, context, hub)


def _invite(arguments: argparse.Namespace, context: Context, hub: OpenHub) -> int:
    name = _name_of(arguments, "hub invite needs the name of a person.", "tachograph hub invite ada")
    _check_clear_text(arguments, hub, name)
    code = hub.machines.invite(name, arguments.role, lasting_ms=_lasting(arguments.lasting))
    url = str(arguments.public).rstrip("/") or hub.store.setting("address") or _listening(arguments)
    context.out.write(f"tachograph join {url} {code}\n")
    context.say(f"Run this on a machine of {safe(name)}. The code works once, for {arguments.lasting}.")
    return 0


def _check_clear_text(arguments: argparse.Namespace, hub: OpenHub, name: str) -> None:
    """Stop before a second person where the hub can read everything of another one. Raises TachographError."""
    holder = hub.machines.clear_text_holder(name)
    if holder and not arguments.owner_agrees:
        raise TachographError(
            f"This hub stores folder names, branches and titles of {safe(holder)} in the clear.",
            "Let them change that first (`tachograph join --share names`), or give --owner-agrees.",
        )
    if holder:
        hub.machines.agree_for_holders()


def _listening(arguments: argparse.Namespace) -> str:
    from tachograph.hub.server import parse_address

    return str(parse_address(arguments.listen, arguments.public, arguments.cert, arguments.key).url)


def _name_of(arguments: argparse.Namespace, message: str, example: str) -> str:
    name = clean_name(arguments.name)
    if not name:
        raise UsageError(message, f"For example: {example}")
    return name


def _lasting(text: str) -> int:
    unit = {"m": 60_000, "h": HOUR_MS, "d": 24 * HOUR_MS}.get(text[-1:], 0)
    if not unit or not text[:-1].isdecimal() or not 0 < int(text[:-1]) * unit <= 90 * 24 * HOUR_MS:
        raise UsageError(f"--for {text!r} is not a duration.", "Give one such as 30m, 24h or 7d.")
    return int(text[:-1]) * unit


def _telemetry(arguments: argparse.Namespace, context: Context, hub: OpenHub) -> int:
    """Print the settings with which Claude Code on a seat without Tachograph reports to this hub."""
    name = _name_of(arguments, "hub telemetry needs the name of a person.", "tachograph hub telemetry ada")
    url = str(arguments.public).rstrip("/") or hub.store.setting("address") or _listening(arguments)
    _check_clear_text(arguments, hub, name)
    token = hub.machines.add_seat(name)
    for key, value in (
        ("CLAUDE_CODE_ENABLE_TELEMETRY", "1"), ("OTEL_LOGS_EXPORTER", "otlp"), ("OTEL_METRICS_EXPORTER", "none"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"), ("OTEL_EXPORTER_OTLP_ENDPOINT", url),
        ("OTEL_EXPORTER_OTLP_HEADERS", f"Authorization=Bearer {token}"),
    ):  # fmt: skip
        context.out.write(f"export {key}='{value}'\n")
    context.say(
        f"Set these where {safe(name)} runs Claude Code. The token is shown once; end it: tachograph hub revoke"
    )
    return 0


def _revoke(arguments: argparse.Namespace, context: Context, hub: OpenHub) -> int:
    if not arguments.name:
        raise UsageError("hub revoke needs the name or id of a machine.", "List them: tachograph hub members")
    done = hub.admin.revoke(arguments.name, None)
    if done.status != 200:
        raise NotFound(
            f"No machine, or more than one, is named {arguments.name!r}.",
            "List them with their ids: tachograph hub members",
        )
    context.out.write(f"{safe(done.body['revoked'])} is revoked. What it sent stays.\n")
    return 0


def _backup(arguments: argparse.Namespace, context: Context, hub: OpenHub) -> int:
    name = str(arguments.name or "")
    if not name:
        raise UsageError("hub backup needs a file.", "For example: tachograph hub backup hub.backup")
    if os.path.exists(name):
        raise TachographError(f"{name} already exists.", "Name another file.")
    hub.store.back_up(name)
    context.out.write(f"Saved to {safe(name)}.\n")
    return 0


def _member(arguments: argparse.Namespace, hub: OpenHub) -> Any:
    name = _name_of(
        arguments, f"hub {arguments.what} needs the name of a person.", f"tachograph hub {arguments.what} ada"
    )
    found = hub.admin.find(name)
    if found is None:
        raise NotFound(f"There is no member {name!r}.", "List them: tachograph hub members")
    return found


def _outcome(done: Any, context: Context, text: str) -> int:
    if done.status != 200:
        raise TachographError(str(done.body["error"]), "")
    context.out.write(f"{text}\n")
    return 0


def _role(arguments: argparse.Namespace, context: Context, hub: OpenHub) -> int:
    member = _member(arguments, hub)
    if not arguments.value:
        raise UsageError("hub role needs a role.", f"For example: tachograph hub role {safe(member.name)} manager")
    return _outcome(
        hub.admin.set_role(member, arguments.value, None),
        context,
        f"{safe(member.name)} is {arguments.value} now.",
    )


def _rename(arguments: argparse.Namespace, context: Context, hub: OpenHub) -> int:
    member = _member(arguments, hub)
    if not arguments.value:
        raise UsageError("hub rename needs the new name.", "For example: tachograph hub rename ada 'Ada L.'")
    return _outcome(
        hub.admin.rename(member, arguments.value, None), context, f"{safe(member.name)} is now {safe(arguments.value)}."
    )


def _remove(arguments: argparse.Namespace, context: Context, hub: OpenHub) -> int:
    member = _member(arguments, hub)
    kept = "Everything of theirs was deleted." if arguments.erase else "What they sent stays; delete it with --erase."
    return _outcome(
        hub.admin.remove(member, arguments.erase, None), context, f"{safe(member.name)} was removed. {kept}"
    )


def _policy(arguments: argparse.Namespace, context: Context, hub: OpenHub) -> int:
    level = arguments.value or arguments.name
    if level is None:
        context.out.write(f"{hub.store.setting('policy', 'self')}\n")
        return 0
    text = (
        f"Policy: {level}. Rows of a member are visible only after their own yes: tachograph team allow spend {level}"
    )
    return _outcome(hub.admin.set_policy(level, None), context, text)


def _settle(arguments: argparse.Namespace, context: Context, hub: OpenHub) -> int:
    """List messages that several members sent, or count those of one member for that member."""
    names = {one.id: one.name for one in hub.store.members()}
    contested = hub.store.messages.contested_messages()
    if arguments.name:
        member = _member(arguments, hub)
        moved = hub.store.settle(member.id)
        hub.store.note(member.id, context.clock.now_ms(), f"settle {moved}", "")
        context.out.write(f"{plural(moved, 'message')} now count for {safe(member.name)}.\n")
        return 0
    groups: dict[tuple[str, ...], int] = {}
    for _, rows in contested:
        who = tuple(names.get(row.member, "?") for row in rows)
        groups[who] = groups.get(who, 0) + 1
    if arguments.json:
        rows_of = [{"members": list(who), "messages": number} for who, number in sorted(groups.items())]
        _print({"format": FORMAT, "generated_at": iso(context.clock.now_ms()), "contested": rows_of}, context)
        return 0
    for who, number in sorted(groups.items()):
        context.out.write(f"{' and '.join(map(safe, who))} both sent {plural(number, 'message')}.\n")
    if groups:
        context.say("They count once for the team, for the first of them. Change that: tachograph hub settle NAME")
    else:
        context.out.write("No message was sent by two members.\n")
    return 0


def _doctor(arguments: argparse.Namespace, context: Context, hub: OpenHub) -> int:
    """Work the totals out of the messages again and repair those that differ."""
    wrong = hub.store.check_totals()
    if arguments.json:
        _print({"format": FORMAT, "generated_at": iso(context.clock.now_ms()), "repaired": wrong}, context)
    elif wrong:
        context.out.write(f"{plural(wrong, 'row')} of the totals did not agree with the messages, and were repaired.\n")
    else:
        context.out.write("Totals agree with the messages.\n")
    return 0


def _spread(arguments: argparse.Namespace, context: Context, hub: OpenHub) -> int:
    done = hub.store.spread()
    context.out.write(
        f"Distributed by member: {', '.join(done)}.\n" if done else "Everything is distributed already.\n"
    )
    return 0


def _print(document: dict[str, Any], context: Context) -> None:
    from tachograph.ui.cli.reports import print_json

    print_json(document, context)


def _status(arguments: argparse.Namespace, context: Context, hub: OpenHub) -> int:
    store, now = hub.store, context.clock.now_ms()
    members = [one for one in store.members() if one.is_present]
    machines = [one for one in store.machines() if one.revoked_at is None]
    newest = max((one.seen_at for one in machines), default=0)
    held = store.size()
    if arguments.json:
        _print(
            {
                **_document(context, hub), "database": store.path, "address": store.setting("address") or None,
                "writable": store.is_writable, "policy": store.setting("policy", "self"), "messages": held.messages,
                "facts": held.facts, "bytes": held.bytes, "heard_at": iso(newest or None),
            },
            context,
        )  # fmt: skip
        return 0
    heard = f"{duration((now - newest) / 1000)} ago" if newest else "never"
    context.out.write(
        f"{safe(store.path)}{'' if store.is_writable else ' (read-only: a newer version of Tachograph wrote it)'}\n"
        f"  address   {safe(store.setting('address') or 'not served yet')}\n"
        f"  people    {len(members)}, {plural(len(machines), 'machine')}, last contact {heard}\n"
        f"  messages  {count(held.messages)}, {size(held.bytes)}\n"
        f"  policy    {store.setting('policy', 'self')}\n"
    )
    return 0


def _document(context: Context, hub: OpenHub) -> dict[str, Any]:
    store = hub.store
    return {
        "format": FORMAT, "generated_at": iso(context.clock.now_ms()), "hub": store.id,
        "members": [
            {
                "name": member.name, "role": member.role, "joined_at": iso(member.joined_at),
                "left_at": iso(member.left_at), "erased_at": iso(member.erased_at), "facts": store.counts(member.id),
                "machines": [
                    {
                        "id": one.id, "name": one.name, "share": one.share, "seen_at": iso(one.seen_at or None),
                        "skew_seconds": round(one.skew_ms / 1000), "revoked_at": iso(one.revoked_at),
                    }
                    for one in store.machines(member.id)
                ],
            }
            for member in store.members()
        ],
    }  # fmt: skip


def _members(arguments: argparse.Namespace, context: Context, hub: OpenHub) -> int:
    now, store = context.clock.now_ms(), hub.store
    if arguments.json:
        _print(_document(context, hub), context)
        return 0
    if not store.members():
        context.out.write("No members yet.  Invite the first: tachograph hub invite NAME\n")
    for member in store.members():
        gone = "  (erased)" if member.erased_at else "  (left)" if member.left_at else ""
        context.out.write(f"{safe(member.name)}  {member.role}{gone}\n")
        for one in store.machines(member.id):
            seen = f"{duration((now - one.seen_at) / 1000)} ago" if one.seen_at else "never"
            state = "revoked" if one.revoked_at else f"last contact {seen}"
            context.out.write(f"  {one.id}  {safe(one.name)}  shares {one.share}, {state}\n")
    return 0


_ACTIONS = {
    "invite": _invite,
    "members": _members,
    "telemetry": _telemetry,
    "revoke": _revoke,
    "status": _status,
    "backup": _backup,
    "role": _role,
    "rename": _rename,
    "remove": _remove,
    "policy": _policy,
    "settle": _settle,
    "doctor": _doctor,
    "spread": _spread,
    "books": books.run,
    "email": books.note_email,
}
ACTIONS = tuple(_ACTIONS)
