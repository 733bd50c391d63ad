from typing import Any

from tachograph.model.usage.plain_messages import PlainMessages as _PlainMessages

LAYOUT: int
Identities: Any  # a set of numbers, as far as a first pass needs one: model/usage/plain_messages.py
KeptRows: Any  # ledger/usage/kept_rows.py describes it
PlainMessages: Any  # model/usage/plain_messages.py describes it

def scan(
    block: bytearray | bytes,
    end: int,
    folder: str,
    looks: int,
    latest: int,
    plain: _PlainMessages,
    messages: dict[int, Any],
    fragments: dict[int, Any],
    /,
) -> list[Any]: ...
