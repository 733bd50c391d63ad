"""JSON and CSV stay as recorded in data/outputs.json: keys, types, columns, exit codes and counted tokens.

New keys and columns may come. After another intended change run `make record`, and list the differences in the commit.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conftest import NOT_HERE
from helpers import command

ROOT = Path(__file__).parent.parent
RECORDED = json.loads((ROOT / "tests" / "data" / "outputs.json").read_text(encoding="utf-8"))

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason=NOT_HERE)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Any:
    out = tmp_path_factory.mktemp("outputs") / "new.json"
    script = [sys.executable, str(ROOT / "tools" / "record_outputs.py"), "--reduced", command(), str(out)]
    subprocess.run(script, check=True, timeout=600)
    return json.loads(out.read_text(encoding="utf-8"))


def test_enough_is_recorded() -> None:
    assert len(RECORDED) > 100
    assert sum("keys" in one for one in RECORDED.values()) > 50
    assert sum("columns" in one for one in RECORDED.values()) > 30


@pytest.mark.parametrize("call", RECORDED)
def test_an_output_keeps_its_keys_types_columns_and_counts(outputs: Any, call: str) -> None:
    old, new = RECORDED[call], outputs[call]
    assert new["exit"] == old["exit"]
    assert new.get("totals") == old.get("totals")
    missing = [column for column in old.get("columns", ()) if column not in new["columns"]]
    missing += [key for key in old.get("keys", ()) if key not in new["keys"]]
    assert not missing
    known = {key: set(types) for key, types in old.get("keys", {}).items() if types != ["null"]}
    changed = {key: new["keys"][key] for key, types in known.items() if not set(new["keys"][key]) <= types | {"null"}}
    assert not changed
