"""A fake of the program `claude`: it answers `get_usage` and `/usage` as Claude Code does, with every fault.

`Program(folder)` writes an executable `claude` there. A JSON file beside it decides its behavior, a log file records its
calls; it opens no network connection.
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FAULTS = ("hang", "garbage", "login", "old", "refuses", "signed-out", "exit", "silent", "flood")
_SCRIPT = """#!{python}
import json, os, sys, time
here = os.path.dirname(os.path.abspath(__file__))
plan = json.load(open(os.path.join(here, "claude.json")))
with open(os.path.join(here, "claude.log"), "a") as log:
    log.write(json.dumps({{"arguments": sys.argv[1:], "cwd": os.getcwd(), "listing": os.listdir("."),
                          "environment": dict(os.environ)}}) + "\\n")
fault = plan.get("fault")
if plan.get("transcript"):
    import re
    folder = os.path.join(plan["transcript"], "projects", re.sub("[^A-Za-z0-9]", "-", os.getcwd()))
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "11111111-0000-4000-8000-000000000001.jsonl"), "a") as file:
        file.write(plan["line"] + "\\n")
if fault == "hang":
    time.sleep(3600)
if fault == "garbage":
    print("\\x00 {{ not json \\xff", end="")
    sys.exit(0)
if fault == "login":
    print("Invalid API key · Please run /login")
    sys.exit(1)
if fault == "exit":
    sys.exit(3)
if fault == "silent":
    sys.exit(0)
if fault == "flood":
    while True:
        sys.stdout.write("x" * 65536)
if "/usage" in sys.argv:
    print(json.dumps({{"type": "result", "subtype": "success", "is_error": False, "result": plan["text"]}}))
    sys.exit(0)
for line in sys.stdin:
    message = json.loads(line)
    kind, id = message["request"]["subtype"], message["request_id"]
    answer = {{"subtype": "success", "request_id": id, "response": {{}}}}
    if kind == "initialize":
        answer["response"] = {{"commands": [], "account": plan.get("account")}}
    elif fault == "old":
        answer = {{"subtype": "error", "request_id": id, "error": "Unsupported control request subtype: get_usage"}}
    elif fault == "refuses":
        answer = {{"subtype": "error", "request_id": id, "error": "Not logged in"}}
    elif fault == "signed-out":
        answer["response"] = {{"session": {{}}, "subscription_type": None, "rate_limits_available": False,
                              "rate_limits": None, "behaviors": None}}
    else:
        answer["response"] = {{"session": {{}}, "subscription_type": plan.get("subscription", "max"),
                              "rate_limits_available": True, "rate_limits": plan["limits"], "behaviors": None}}
    print(json.dumps({{"type": "system", "subtype": "init"}}))
    print(json.dumps({{"type": "control_response", "response": answer}}), flush=True)
"""


class Program:
    """An installed fake: `say` changes its answers, `calls` lists its calls so far."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / "claude"
        folder.mkdir(parents=True, exist_ok=True)
        self.path.write_text(_SCRIPT.format(python=os.path.abspath(sys.executable)))
        self.path.chmod(0o755)
        self.say()

    def say(
        self,
        limits: Mapping[str, Any] | None = None,
        *,
        account: Mapping[str, Any] | None = None,
        fault: str = "",
        text: str = "",
        transcript: Path | None = None,
        line: str = "",
    ) -> None:
        """Answer so from now on. `fault`: one of FAULTS; `transcript`: a config folder in which it leaves `line`."""
        plan = {"limits": limits or {}, "account": account, "fault": fault, "text": text, "line": line}
        plan["transcript"] = str(transcript) if transcript else ""
        (self.folder / "claude.json").write_text(json.dumps(plan))

    @property
    def calls(self) -> list[dict[str, Any]]:
        """Each call with its `arguments`, `cwd`, the `listing` of that folder, and its `environment`."""
        log = self.folder / "claude.log"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
