"""What a transcript says of tools, however long its lines are."""

import json
import os
import tracemalloc
from pathlib import Path

import pytest

from tachograph.demo import records
from tachograph.sources.transcripts import tool_calls


def _line(name: str) -> bytes:
    content = [{"type": "tool_use", "id": f"toolu_{name}", "name": name, "input": {}}]
    return json.dumps(records.assistant(name, content=content)).encode() + b"\n"


def test_a_line_that_is_too_long_is_passed_over_and_never_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    longest = 1 << 16
    monkeypatch.setattr(tool_calls, "_LONGEST", longest)
    path = tmp_path / "long.jsonl"
    with open(path, "wb") as file:
        file.write(_line("Read"))
        for length in (64 << 20, longest, longest + 1, 2 * longest, longest - 1):
            file.write(b'"tool_use"')
            file.seek(length - 11, os.SEEK_CUR)
            file.write(b"\n")
            file.write(_line("Bash"))
        file.write(b'"tool_use"')
        file.truncate(file.tell() + (32 << 20))  # one that ends with the file
    tracemalloc.start()
    try:
        found = [call.name for call in tool_calls.calls(os.fsencode(path))]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found == ["Read", *["Bash"] * 5]
    assert peak < 16 * longest
