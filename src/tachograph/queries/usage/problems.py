"""Problems that make the numbers of a report incomplete."""

from __future__ import annotations

from tachograph.lean_typing import Mapping, NamedTuple


class Problems(NamedTuple):
    """Problems by kind, and the config folders that were counted before and cannot be found now."""

    counts: Mapping[str, int]
    folders_not_read: tuple[str, ...] = ()

    def document(self) -> dict[str, object]:
        """The problems for programs."""
        return {**self.counts, "folders_not_read": list(self.folders_not_read)}


NO_PROBLEMS = Problems({})
