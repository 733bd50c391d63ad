"""The sentences below a report: the meaning of its numbers, and problems that make them incomplete."""

from tachograph.lean_typing import Iterable, Sequence
from tachograph.model.usage.model_names import display_name as shown_model
from tachograph.queries.usage.problems import Problems
from tachograph.queries.usage.rows import Spend
from tachograph.text.certainty import estimate_words, unfinished_words
from tachograph.text.format import count, fold, plural, safe, width

PROBLEM_WORDS = {
    "bad_lines": ("line could not be read", "lines could not be read"),
    "bad_counts": ("line had a count that is no number", "lines had a count that is no number"),
    "long_lines": ("line was too long to read", "lines were too long to read"),
    "unknown_times": ("line has no readable time", "lines have no readable time"),
    "future_times": ("line is dated in the future", "lines are dated in the future"),
    "shared_ids": (
        "message id is shared by several answers of a gateway",
        "message ids are shared by several answers of a gateway",
    ),
    "unmarked_forks": (
        "session repeats another one's messages without a mark",
        "sessions repeat another one's messages without a mark",
    ),
    "unreadable_files": ("file or folder could not be opened", "files or folders could not be opened"),
}

_MOST_FOLDERS = 2  # named in a footer


def footer(
    totals: Spend, unpriced_models: Sequence[str], problems: Problems, room: int | None, note: str = ""
) -> list[str]:
    """Footer of a report: the meaning of its numbers, and problems that make them incomplete."""
    said = estimate_words(totals)
    if totals.unfinished:
        said += unfinished_words(totals)
    if totals.unpriced:
        names = ", ".join(safe(shown_model(model)) for model in unpriced_models[:3])
        more = f" and {len(unpriced_models) - 3} more" if len(unpriced_models) > 3 else ""
        verb = "has" if totals.unpriced == 1 else "have"
        said.append(f"{plural(totals.unpriced, 'message')} of {names}{more} {verb} no price.")
    said += _problem_words(problems)
    if note:
        said.append(note)
    return list(wrapped(said, room))


def problem_lines(problems: Problems, room: int | None) -> list[str]:
    """Unread files and lines, in words."""
    return list(wrapped(_problem_words(problems), room))


def _problem_words(problems: Problems) -> list[str]:
    wrong = [
        f"{count(n)} {PROBLEM_WORDS[kind][n != 1]}"
        for kind, n in problems.counts.items()
        if n and kind in PROBLEM_WORDS
    ]
    said = [f"{', '.join(wrong)}: tachograph doctor."] if wrong else []
    if problems.folders_not_read:
        names = [safe(folder) for folder in problems.folders_not_read[:_MOST_FOLDERS]]
        more = len(problems.folders_not_read) - len(names)
        said.append(f"Not read: {', '.join(names)}{f' and {more} more' if more else ''} (tachograph doctor).")
    return [*said, "Not up to date: see above."] if problems.counts.get("not_updated") else said


def wrapped(sentences: Sequence[str], room: int | None) -> Iterable[str]:
    """Sentences on as few lines as possible; one that does not fit begins a line, and is folded if it is longer."""
    line = ""
    for sentence in sentences:
        joined = f"{line}   {sentence}" if line else sentence
        if line and (room is None or width(joined) > room):
            yield from fold(line, room)
            line = sentence
        else:
            line = joined
    if line:
        yield from fold(line, room)
