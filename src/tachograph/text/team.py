"""Words on what a hub holds of a person, and on what a team's numbers leave out (docs/json.md)."""

from collections.abc import Mapping
from typing import Any

from tachograph.text.format import plural

KIND_WORDS = {
    "message": "messages", "session": "sessions", "link": "links to pull requests", "summary": "summaries",
    "logins": "config folders with logins", "reading": "readings of limits", "fragment": "parts of messages",
    "refusal": "refused requests", "metered": "metered answers", "request": "times of requests", "plan": "changes of plan",
}  # fmt: skip


def hidden_sentences(hidden: Mapping[str, Any] | None, least: int) -> list[str]:
    """One sentence for each kind; none if nothing is hidden. `least`: people that a sum needs."""
    found = []
    if hidden and hidden["left_out"]:
        people = plural(hidden["left_out"], "person", "people")
        found.append(f"Some usage of {people} is left out: sums of fewer than {least} people are not shown.")
    if hidden and hidden["among_others"]:
        people = plural(hidden["among_others"], "person", "people")
        found.append(f"Some usage of {people} counts among the others: their rows would give away somebody else.")
    return found
