"""`tachograph accounts`: the accounts that were seen; name, forget or choose one."""

from __future__ import annotations

from collections.abc import Sequence

from tachograph.errors import NotFound, UsageError
from tachograph.lean_typing import TYPE_CHECKING
from tachograph.ledger.limits import accounts as ledger_accounts
from tachograph.ledger.limits.accounts import Account, Login
from tachograph.ledger.storage.open import open_ledger
from tachograph.ledger.storage.preferences import get_preference, set_preference
from tachograph.paths import own_paths
from tachograph.queries.limits.current import LEADS, Now
from tachograph.queries.limits.current import now as now_question
from tachograph.text.format import cut, duration, iso, safe
from tachograph.text.limits import SOURCE_WORDS
from tachograph.ui.cli.context import Context
from tachograph.ui.cli.question import add_question_flags, ask_ledger
from tachograph.ui.documents.reports import FORMAT
from tachograph.workspace.snapshot import Snapshot

if TYPE_CHECKING:
    import argparse

_WHAT = ("list", "label", "forget", "show", "lead")


def add_flags(parser: argparse.ArgumentParser, name: str) -> None:
    parser.description = (
        "Without arguments: list them. `label NAME TEXT` names an account (an empty text removes the name), `forget NAME`"
        " hides it and stops asking for it, `show NAME` undoes that, `lead NAME` puts it first everywhere (`lead auto`:"
        " the one in use). NAME is a label, its beginning, or the beginning of an id."
    )
    parser.add_argument("what", nargs="?", metavar="label|forget|show|lead", help="the action (default: list)")
    parser.add_argument("name", nargs="?", metavar="NAME", help="which account")
    parser.add_argument("text", nargs="?", metavar="TEXT", help="with label: the name")
    parser.add_argument("--json", action="store_true", help="for programs")
    add_question_flags(parser)


def run(arguments: argparse.Namespace, context: Context) -> int:
    if arguments.what in (None, "list"):
        return _list(arguments, context)
    if arguments.what not in _WHAT:
        raise UsageError(f"Unknown action {arguments.what!r}.", f"One of {', '.join(_WHAT)}.")
    if not arguments.name or (arguments.what == "label" and arguments.text is None):
        raise UsageError(
            f"accounts {arguments.what} needs {'a name and a text' if arguments.what == 'label' else 'a name'}."
        )
    now = context.clock.now_ms()
    with open_ledger(own_paths(context.env), now) as ledger:
        known = ledger_accounts.accounts(ledger.db)
        is_auto = arguments.what == "lead" and arguments.name == "auto"
        account = None if is_auto else meant(known, arguments.name)
        with ledger.transaction() as db:
            if account is None:
                set_preference(db, LEADS, "", now)
            elif arguments.what == "label":
                ledger_accounts.give_label(db, account.id, " ".join(arguments.text.split())[:80])
            elif arguments.what == "lead":
                set_preference(db, LEADS, str(account.id), now)
            else:
                ledger_accounts.hide(db, account.id, now if arguments.what == "forget" else None)
    for line in _said(arguments, account):
        print(line, file=context.out)
    return 0


def _said(arguments: argparse.Namespace, account: Account | None) -> list[str]:
    if account is None:
        return ["The account in use now comes first."]
    name = safe(account.label or account.uuid[:8])
    if arguments.what == "label":
        return [f"{name} is called {safe(arguments.text)}." if arguments.text else f"{name} has its own name again."]
    if arguments.what == "lead":
        return [f"{name} now comes first.  Undo: tachograph accounts lead auto"]
    if arguments.what == "show":
        return [f"{name} is shown again."]
    return [
        f"{name} is hidden, and its limits are no longer asked for.",
        "Its usage stays in the reports, and its readings stay in the ledger.",
        f"  Show it again: tachograph accounts show {safe(account.name or account.uuid[:8])}",
    ]


def meant(known: Sequence[Account], word: str) -> Account:
    """The account with a name or id. Raises NotFound if none or several match."""
    wanted = word.strip().lower()
    exact = [a for a in known if wanted in (a.given.lower(), a.label.lower(), a.uuid.lower(), str(a.id))]
    near = [a for a in known if any(text.lower().startswith(wanted) for text in (a.given, a.label, a.uuid) if text)]
    found = exact or near
    if wanted and len(found) == 1:
        return found[0]
    names = ", ".join(safe(f"{a.name or a.uuid[:8]} ({a.uuid[:8]})") for a in known) or "none yet"
    raise NotFound(
        f"{word!r} {'means several accounts' if wanted and found else 'is no known account'}.", f"Known: {names}."
    )


# -- the list --------------------------------------------------------------------------------------------------


def _list(arguments: argparse.Namespace, context: Context) -> int:
    def ask(found: Snapshot) -> tuple[list[Account], dict[int, list[Login]], Now, str]:
        known = ledger_accounts.accounts(found.db)
        logins = {account.id: ledger_accounts.logins_of(found.db, account.id) for account in known}
        return known, logins, now_question(found.db, found.now), get_preference(found.db, LEADS)

    known, logins, now, leads = ask_ledger(arguments, context, ask, limits=True)
    if arguments.json:
        from tachograph.ui.cli.reports import print_json

        document = {
            "format": FORMAT,
            "generated_at": iso(now.at),
            "accounts": [_document(account, logins[account.id], now, leads) for account in known],
        }
        print_json(document, context)
        return 0
    if not known:
        print("No account yet. Run Claude Code once: it names the account that is signed in.", file=context.out)
        return 0
    for place, account in enumerate(known):
        if place:
            print(file=context.out)
        for line in _lines(account, logins[account.id], now, leads):
            print(line, file=context.out)
    return 0


def _lines(account: Account, logins: Sequence[Login], now: Now, leads: str) -> list[str]:
    plan = f"  {safe(account.plan)}" if account.plan else ""
    own = f"  ({safe(cut(account.label, 60))})" if account.given and account.label else ""
    marks = "  forgotten" if account.hidden_at is not None else ""
    marks += "  leads" if leads == str(account.id) or (not leads and now.accounts[:1] and now.accounts[0].id == account.id) else ""  # fmt: skip
    made = [
        f"{safe(cut(account.name or 'without a name', 60))}{own}{plan}{marks}",
        f"  id         {safe(account.uuid[:8])}",
    ]
    for login in logins:
        ago = duration(max(0, now.at - login.last_seen) / 1000)
        made.append(f"  signed in  {safe(login.folder)}, last seen {ago} ago")
    shown = next((one for one in now.accounts if one.id == account.id), None)
    if shown is not None and shown.limits:
        newest = max(shown.limits, key=lambda limit: limit.observed_at)
        source = SOURCE_WORDS.get(newest.source, newest.source)
        made.append(f"  limits     {source}, {duration(newest.age_ms(now.at) / 1000)} ago")
    elif account.hidden_at is None:
        made.append("  limits     no reading yet: `tachograph sources`")
    return made


def _document(account: Account, logins: Sequence[Login], now: Now, leads: str) -> dict[str, object]:
    shown = next((one for one in now.accounts if one.id == account.id), None)
    newest = max(shown.limits, key=lambda limit: limit.observed_at, default=None) if shown is not None else None
    return {
        "id": f"{account.uuid}:{account.organization}",
        "label": account.name or None,
        "own_label": account.given or None,
        "plan": account.plan or None,
        "forgotten_at": iso(account.hidden_at),
        "leads": leads == str(account.id),
        "logins": [
            {"folder": login.folder, "first_seen_at": iso(login.first_seen), "last_seen_at": iso(login.last_seen)}
            for login in logins
        ],
        "source": None if newest is None else newest.source,
        "observed_at": None if newest is None else iso(newest.observed_at),
    }
