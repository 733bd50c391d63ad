"""Translate the names in a usage query (projects, models, branches …) into ids of the ledger."""

from tachograph.errors import NotFound
from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import Sequence
from tachograph.ledger.usage import rollups, sessions, ways
from tachograph.model.usage.model_names import display_name as shown_model
from tachograph.model.usage.model_names import plain_model_name
from tachograph.model.usage.prices import BATCH, FAST
from tachograph.queries.usage.rows import CREDITS, MAIN_AGENT, WAY_COLUMNS, SpendQuery

SPEEDS = {"fast": FAST, "standard": 0, "batch": BATCH, "credits": CREDITS}  # values of the dimension
NOBODY = -1  # an id that no row has: what was named and is not there lets nothing through


def filter_ids(db: sqlite3.Connection, question: SpendQuery) -> dict[str, set[int]]:
    """The ids that a question is narrowed to, by dimension."""
    filters: dict[str, set[int]] = {}
    if question.projects:
        filters["project"] = _matching(db, "project", question.projects)
    if question.models:
        filters["model"] = _matching(db, "model", question.models)
    if question.machines:
        from tachograph.queries.usage.machines import Machines  # only with several machines

        filters["folder"] = Machines(db).folders_of(question.machines)
    if question.session is not None:
        filters["session"] = {question.session}
    if question.branches:
        names = {name or "unknown": id for id, name in rollups.present(db, "branch")}
        filters["branch"] = {names.get(name, NOBODY) for name in question.branches}
    if question.pulls:
        known = sessions.pull_ids(db, question.pulls)
        filters["pull"] = {0 if url == "none" else known.get(url, NOBODY) for url in question.pulls}
    if question.sessions:
        ids = sessions.session_ids(db, question.sessions)
        filters["session"] = {ids.get(uuid, NOBODY) for uuid in question.sessions}
    for dimension, wanted in question.ways:
        if dimension == "speed":
            filters["speed"] = {SPEEDS[word] for word in wanted}
        else:
            filters[WAY_COLUMNS[dimension]] = _matching_ways(
                ways.present(db, WAY_COLUMNS[dimension]), dimension, wanted
            )
    if question.accounts:
        filters["account"] = set(question.accounts)
    return filters


def _matching(db: sqlite3.Connection, dimension: str, wanted: Sequence[str]) -> set[int]:
    """Ids of projects or models. Names that are not among the remembered ones may be new."""
    match = _matching_projects if dimension == "project" else _matching_models
    try:
        return match(rollups.present(db, dimension), wanted)
    except NotFound:
        return match(rollups.present(db, dimension, is_fresh=True), wanted)


def _matching_projects(present: list[tuple[int, str]], wanted: Sequence[str]) -> set[int]:
    from tachograph.model.short_paths import short_paths

    shown = short_paths([path for _, path in present])
    found: set[int] = set()
    for word in wanted:
        name = word.rstrip("/\\").lower() or word
        ways = [
            [
                id
                for id, path in present
                if name in (path.lower(), shown[path].lower()) or (name == "unknown" and not path)
            ],
            [id for id, path in present if path.lower().replace("\\", "/").endswith("/" + name)],
            [id for id, path in present if name in shown[path].lower()],
        ]
        found |= _strictest(ways, word, "project", list(shown.values()))
    return found


def matching_project(db: sqlite3.Connection, word: str) -> str:
    """The path (or name) of the one project that a word means. Raises NotFound without a match or with several."""
    present = rollups.present(db, "project")
    texts = dict(present)
    found = sorted(texts[id] for id in _matching_projects(present, [word]) if id in texts)
    if len(found) != 1:
        listed = ", ".join(found[:6]) + (" …" if len(found) > 6 else "")
        raise NotFound(f"{word!r} is not one project.", f"Give its whole path: {listed}" if found else "")
    return found[0]


def _matching_ways(present: list[tuple[int, str]], dimension: str, wanted: Sequence[str]) -> set[int]:
    """Ids of agents, skills …: "unknown" or "none" is what no record names; "main" and "subagents" are two of agents."""
    found: set[int] = set()
    names = [name for _, name in present] + ([MAIN_AGENT] if dimension == "agent" else [])
    for word in wanted:
        name = word.lower()
        if name in ("unknown", "none"):
            found.add(0)
        elif dimension == "agent" and name in (MAIN_AGENT, "subagents"):
            found |= {ways.MAIN} if name == MAIN_AGENT else {0, *(id for id, _ in present)}
        else:
            from tachograph.model.usage.entrypoints import GROUPS, NAMES

            group = GROUPS.get(name, ()) if dimension == "entrypoint" else ()
            shown = {text: NAMES.get(text, text).lower() for _, text in present}
            matches = [
                [id for id, text in present if name in (text.lower(), shown[text]) or text in group],
                [id for id, text in present if text and name in text.lower()],
            ]
            found |= _strictest(matches, word, dimension, names)
    return found


def _matching_models(present: list[tuple[int, str]], wanted: Sequence[str]) -> set[int]:
    found: set[int] = set()
    for word in wanted:
        name = word.lower()
        ways = [
            [id for id, model in present if name in (model.lower(), shown_model(model).lower())],
            [id for id, model in present if plain_model_name(model).lower() == plain_model_name(name)],
            [id for id, model in present if name in model.lower()],
        ]
        found |= _strictest(ways, word, "model", [shown_model(model) for _, model in present])
    return found


def _strictest(ways: list[list[int]], word: str, what: str, names: Sequence[str]) -> set[int]:
    """Matches of the strictest way that finds any: an exact name is never widened to a part of one."""
    for found in ways:
        if found:
            return set(found)
    if not names:
        return {NOBODY}  # an empty ledger: nothing is found, and that is no mistake
    known = ", ".join(sorted(set(filter(None, names)), key=str.lower)[:12])
    raise NotFound(f"No {what} called {word!r} in the ledger.", f"Known: {known}")
