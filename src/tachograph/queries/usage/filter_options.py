"""Values that a report can be narrowed to."""

from typing import NamedTuple

from tachograph.lean_sqlite import sqlite3
from tachograph.ledger.usage import rollups
from tachograph.model.short_paths import short_paths


class FilterOptions(NamedTuple):
    """Everything that the ledger holds. `projects` maps folders to short names; "" is the unknown one of its kind."""

    projects: dict[str, str]
    models: tuple[str, ...]
    branches: tuple[str, ...]


def filter_options(db: sqlite3.Connection) -> FilterOptions:
    """Projects, models and branches with usage."""
    models = tuple(model for _, model in rollups.present(db, "model") if model)
    return FilterOptions(project_names(db), models, tuple(branch for _, branch in rollups.present(db, "branch")))


def project_names(db: sqlite3.Connection) -> dict[str, str]:
    """Every project's folder with its short name."""
    return short_paths([path for _, path in rollups.present(db, "project")])
