from typing import Any

LAYOUT: int

def scan(
    block: bytearray | bytes, end: int, folder: str, origins: dict[Any, Any], looks: int, latest: int, /
) -> list[Any]: ...
