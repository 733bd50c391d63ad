"""Words and layout of `tachograph doctor`; the checks are in `setup/doctor.py`."""

from collections.abc import Callable, Mapping, Sequence
from textwrap import wrap
from typing import Any, NamedTuple

from tachograph.model.limits.limits import CLAUDE_CODE
from tachograph.model.usage.periods import Calendar
from tachograph.setup.findings import NOTE, WRONG, Finding
from tachograph.text.format import count, day_and_time, duration, iso, plural, safe, size, tokens
from tachograph.text.limits import SOURCE_WORDS
from tachograph.text.outcomes import outcome_words
from tachograph.text.table import Style
from tachograph.ui.documents.report_footer import PROBLEM_WORDS
from tachograph.ui.documents.reports import FORMAT

_SUBJECTS = {"logs": "Logs", "account": "Account", "settings": "Settings", "files": "Unread", "ledger": "Ledger"}
_SUBJECTS |= {"platform": "Platform", "backups": "Backups", "limits": "Limits", "recorder": "Recorder"}
_REPAIR = "Repair it with `tachograph doctor --repair`; nothing is deleted."
Facts = Mapping[str, Any]


class Said(NamedTuple):
    """A finding in words; `next` is the step to take, or ""."""

    kind: str
    subject: str
    text: str
    next: str


class Moments(NamedTuple):
    """Says when something was."""

    calendar: Calendar
    now: int

    def ago(self, at: int | None) -> str:
        if at is None or at > self.now:
            return "now"
        return f"{duration((self.now - at) / 1000)} ago"

    def when(self, at: int | None) -> str:
        if at is None:
            return "an unknown time"
        return day_and_time(self.calendar.local(at), self.calendar.local(self.now))


def said(findings: Sequence[Finding], calendar: Calendar, now: int) -> list[Said]:
    """Findings in words, safe to show."""
    moments = Moments(calendar, now)
    made = []
    for finding in findings:
        text, following = _WORDS[finding.what](finding.facts, moments)
        made.append(Said(finding.kind, finding.subject, safe(text), safe(following)))
    return made


def document(findings: Sequence[Said], versions: Mapping[str, str], now: int) -> dict[str, Any]:
    """The same for programs; docs/json.md describes it."""
    return {
        "format": FORMAT,
        "report": "doctor",
        "generated_at": iso(now),
        "versions": dict(versions),
        "findings": [finding._asdict() for finding in findings if finding.subject != "versions"],
    }


def screen(findings: Sequence[Said], room: int | None, style: Style, *, signs: bool) -> list[str]:
    """All findings by subject; problems are marked and have their next step. `signs`: the output can show them."""
    marks = {NOTE: "·", WRONG: "▲"} if signs else {NOTE: "-", WRONG: "x"}
    made: list[str] = []
    subject = ""
    for finding in findings:
        if finding.subject == "versions":
            made += [finding.text, ""]
            continue
        heading = "" if finding.subject == subject else _SUBJECTS[finding.subject]
        subject = finding.subject
        start = f"{marks.get(finding.kind, ' ')} {heading:9} "
        made += _hanging(start, finding.text, room, (style.bold, style.end) if finding.kind == WRONG else ("", ""))
        if finding.next:
            made += _hanging(" " * len(start) + "  ", finding.next, room, (style.dim, style.end))
    wrong = sum(finding.kind == WRONG for finding in findings)
    verb = "thing is" if wrong == 1 else "things are"
    made += ["", f"{wrong} {verb} wrong, marked {marks[WRONG]}." if wrong else "Nothing is wrong."]
    return made


def _hanging(start: str, text: str, room: int | None, marks: tuple[str, str]) -> list[str]:
    """A sentence behind a heading, its further lines below its first."""
    wide = 10_000 if room is None else max(24, room - len(start))
    lines = wrap(text, wide, break_long_words=False, break_on_hyphens=False) or [""]
    return [(start if n == 0 else " " * len(start)) + marks[0] + line + marks[1] for n, line in enumerate(lines)]


# -- every sentence ------------------------------------------------------------------------------------------------


def _folder(f: Facts, m: Moments) -> tuple[str, str]:
    if not f["transcripts"]:
        return f"{f['path']}: no transcripts yet.", ""
    return (
        f"{f['path']}: {plural(f['transcripts'], 'transcript')}, {size(f['bytes'])}, newest file changed {m.ago(f['newest'])}.",
        "",
    )


def _missing(f: Facts, _: Moments) -> tuple[str, str]:
    if not f["named_in"]:
        return f"{f['path']} is not there.", ""
    return (
        f"{f['path']} is named in {f['named_in']} but does not exist.",
        f"Correct {f['named_in']}, or create the folder.",
    )


def _account(f: Facts, m: Moments) -> tuple[str, str]:
    who = f["label"] or "an account without a name"
    plan = f", {f['plan']}" if f["plan"] else ""
    since = f", on record since {m.when(f['since'])}" if f["since"] is not None else ", not yet on record"
    return f"{f['path']}: {who}{plan}{since}.", ""


def _ledger(f: Facts, m: Moments) -> tuple[str, str]:
    gone = f", {count(f['gone_files'])} of them gone" if f["gone_files"] else ""
    holds = (
        f"{plural(f['messages'], 'message')}, {plural(f['sessions'], 'session')}, {plural(f['files'], 'transcript')}"
    )
    span = f", from {m.when(f['first_at'])} to {m.when(f['last_at'])}" if f["first_at"] is not None else ""
    journal = "" if f["journal"] == "wal" else f", journal mode {f['journal']}"
    return f"{f['path']}: {size(f['bytes'])}, schema {f['version']}{journal}. It holds {holds}{gone}{span}.", ""


def _problem(f: Facts, _: Moments) -> tuple[str, str]:
    one, many = PROBLEM_WORDS.get(f["kind"], (f"{f['kind']} problem", f"{f['kind']} problems"))
    worst = [
        f"{path}{' (gone)' if gone else ''}" + (f" {count(n)}" if f["count"] > 1 else "")
        for path, n, gone in f["worst"]
    ]
    more = f" and {plural(f['files'] - len(worst), 'more file')}" if f["files"] > len(worst) else ""
    return f"{plural(f['count'], one, many)}: {', '.join(worst)}{more}.", _PROBLEM_NEXT.get(f["kind"], "")


_PROBLEM_NEXT = {
    "bad_lines": "A line is torn where Claude Code was cut off; everything else in the file is counted.",
    "bad_counts": "The count was taken as 0; everything else is counted.",
    "long_lines": "Lines above 64 MiB are skipped.",
    "unknown_times": "They are counted, and shown as unknown.",
    "future_times": "They are counted; see that the clock of this machine is right.",
}


def _open(f: Facts, _: Moments) -> tuple[str, str]:
    return f"{f['path']} can be read by others ({f['mode']}).", f"chmod go= {f['path']}"


def _was_open(f: Facts, _: Moments) -> tuple[str, str]:
    return f"{f['path']} could be read by others ({f['before']}); now it cannot ({f['mode']}).", ""


def _backups(f: Facts, m: Moments) -> tuple[str, str]:
    return f"{f['path']}: {plural(f['count'], 'backup')}, {size(f['bytes'])}, the newest of {m.when(f['newest'])}.", ""


def _asked(f: Facts, moments: Moments) -> tuple[str, str]:
    name = "Claude Code" if f["source"] == CLAUDE_CODE else "The usage endpoint"
    start = f"{name}, asked for {f['path']} {moments.ago(f['at'])}: "
    if f["outcome"] == "ok":
        return f"{start}answered.", ""
    return f"{start}{f['problem'] or f['outcome']}.", f"{outcome_words(f['outcome'], f['source'])}."


def _clock_words(f: Facts) -> tuple[str, str]:
    source = SOURCE_WORDS.get(f["source"], f["source"])
    ahead = duration(f["minutes"] * 60)
    if f["is_repaired"]:
        return f"A reading of {source} was dated {ahead} in the future; it is left out.", ""
    return (
        f"A reading of {source} is dated {ahead} in the future: a clock is wrong, this computer's or that program's.",
        "Set this computer's clock by the network. The next reading puts the limits right.",
    )


_WORDS: dict[str, Callable[[Facts, Moments], tuple[str, str]]] = {
    "platform": lambda f, _: (f"{f['system']}; transcripts are read by {f['scanner']}. Tested: {f['tested']}.", ""),
    "versions": lambda f, _: (f"Tachograph {f['tachograph']}, Python {f['python']}, SQLite {f['sqlite']}", ""),
    "folder": _folder,
    "folder_missing": _missing,
    "folder_empty": lambda f, _: (f"{f['path']} holds no transcripts yet.", ""),
    "folder_unreadable": lambda f, _: (f"{f['path']} cannot be read.", "See who owns it, and who may list it."),
    "no_logs": lambda f, _: (
        "Claude Code has written no logs here yet.",
        "`tachograph demo` shows what there will be; [claude] config_dirs in settings.toml names other folders.",
    ),
    "account": _account,
    "asked": _asked,
    "unread": lambda f, _: (
        f"{SOURCE_WORDS.get(f['source'], f['source'])}: not all of its newest answer was read: {f['problems'][0]}.",
        f"`tachograph sources {f['source']}` lists what is missing; a newer version may read it.",
    ),
    "idle": lambda f, _: (
        f"{SOURCE_WORDS.get(f['source'], f['source'])}: limits of unknown meaning at 0 % are not shown: {', '.join(f['names'])}.",
        "",
    ),
    "service": lambda f, _: (f"{f['name']}: {f['text']}.", ""),
    "logged_out": lambda f, _: (f"{f['path']}: {f['file']} names no account; messages are counted all the same.", ""),
    "clock": lambda f, m: _clock_words(f),
    "folder_not_read": lambda f, _: (
        f"{f['path']}: its status line reports limits, but its transcripts are not read.",
        "Count it too: add it to config_dirs in [claude] of settings.toml.",
    ),
    "folder_gone": lambda f, _: (
        f"{f['path']} was counted before and is not there now, so nothing new of it is counted.",
        "If it moved, name its new place in config_dirs in [claude] of settings.toml; if it is gone for good, in ignore_dirs.",
    ),
    "no_identity": lambda f, _: (f"{f['path']}: there is no {f['file']}; messages are counted all the same.", ""),
    "bad_identity": lambda f, _: (
        f"{f['problem']}, so the account of {f['path']} is unknown.",
        "Run `tachograph doctor` again; if it stays so, start Claude Code once, which writes it again.",
    ),
    "settings": lambda f, _: (f"{f['path']}", ""),
    "no_settings": lambda f, _: (f"None at {f['path']}: the defaults hold.", ""),
    "bad_setting": lambda f, _: (f"{f['problem']}", "Correct or delete it; until then the default holds."),
    "no_ledger": lambda f, _: (f"{f['path']} is not there yet; the first report makes it.", ""),
    "ledger": _ledger,
    "sound": lambda f, _: ("Its pages are sound, and its totals are what the messages add up to.", ""),
    "damaged": lambda f, _: (f"{f['path']} is damaged: {f['problem']}", _REPAIR),
    "lost_references": lambda f, _: (
        f"{plural(f['lost'], 'reference leads', 'references lead')} to something that is not there.",
        "`tachograph doctor --repair` makes it unknown, and keeps a backup.",
    ),
    "totals_differ": lambda f, _: (
        f"{plural(f['differing'], 'total is', 'totals are')} not what the messages add up to.",
        "`tachograph doctor --repair` adds them up again, and keeps a backup.",
    ),
    "unusable": lambda f, _: (f["problem"], f["hint"]),
    "not_written": lambda f, _: (f["problem"], f["hint"]),
    "read_only": lambda f, _: (
        f"{f['path']} is only read: {f['why']}.",
        "Update Tachograph, or give yourself leave to write there; until then nothing new is counted.",
    ),
    "unreadable": lambda f, _: (f"{f['path']}: {f['error']}.", "See who owns it, and who may read it."),
    "problem": _problem,
    "unfinished": lambda f, _: (
        f"{count(f['messages'])} of {plural(f['of'], 'message')} {'is' if f['messages'] == 1 else 'are'} unfinished: only a streaming"
        " placeholder as output, so output and cost are too low"
        + (f", by at least about {tokens(f['missing_output'])} tokens." if f["missing_output"] else "."),
        "Claude Code never wrote their final count. Reports show how many, and add nothing.",
    ),
    "shared_id": lambda f, _: (
        f"{f['path'] + ': ' if f['path'] else ''}one id, {plural(f['answers'], 'answer')}: a gateway repeats message ids.",
        "They are counted one by one.",
    ),
    "unmarked_forks": lambda f, _: (
        f"{plural(f['sessions'], 'session repeats', 'sessions repeat')} messages of another one without the mark of a fork.",
        "Each message counts once, in the session that went on first.",
    ),
    "open_to_others": _open,
    "was_open_to_others": _was_open,
    "on_network": lambda f, _: (
        f"{f['path']} is on a network file system.",
        "Use it from one machine at a time, or set TACHOGRAPH_HOME to a local folder.",
    ),
    "backups": _backups,
    "no_backups": lambda f, _: (f"None yet at {f['path']}; one is made every week.", ""),
    "bad_backup": lambda f, _: (
        f"{f['newest_path']} cannot be used: {f['problem']}.",
        "`tachograph backup FILE` makes a new one.",
    ),
    "set_aside": lambda f, _: (
        f"{f['path']}: a damaged ledger that was set aside, {size(f['bytes'])}.",
        "Delete the folder when nothing is missing in the reports.",
    ),
}
