"""Record tests/data/schema_8.json: python tools/record_old_ledger.py SOURCES, the `src` folder of a checkout of c3406dd."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from helpers import Home  # noqa: E402
from old_ledger import FIXTURE, record, write_transcripts  # noqa: E402


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        write_transcripts(home)
        env = {**home.env, "PYTHONPATH": os.path.abspath(sys.argv[1])}
        call = [sys.executable, "-m", "tachograph", "daily"]
        subprocess.run(call, env=env, check=True, stdout=subprocess.DEVNULL)
        found = record(home.data / "ledger.sqlite3", str(home.root))
    FIXTURE.write_text(json.dumps(found, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{FIXTURE}: schema {found['version']}, {sum(map(len, found['rows'].values()))} rows")


if __name__ == "__main__":
    main()
