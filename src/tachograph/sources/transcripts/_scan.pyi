from typing import Any

LAYOUT: int
Identities: Any  # a set of numbers, as far as shared_ids.py needs one
KeptRows: Any  # ledger/usage/kept_rows.py describes it

def scan(
    block: bytearray | bytes,
    end: int,
    folder: str,
    origins: dict[Any, Any],
    looks: int,
    latest: int,
    messages: dict[int, Any],
    fragments: dict[int, Any],
    /,
) -> list[Any]: ...
