"""Carry out many commands in one process: a request per line of standard input, an answer per line of standard output.

Run by Windows' Python and by ours (see wine.Commands). A request is JSON: arguments, env. An answer: code, stdout, stderr.
"""

import gc
import io
import json
import os
import sys
from typing import Any


def carry_out(request: dict[str, Any]) -> dict[str, Any]:
    from tachograph.__main__ import outcome

    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv = ["tachograph", *request["arguments"]]
    sys.stdin = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    sys.stdout, sys.stderr = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="") for _ in range(2))
    code = outcome()
    gc.collect()  # an open ledger could not be removed
    out, err = (_text(stream) for stream in (sys.stdout, sys.stderr))
    return {"code": code, "stdout": out, "stderr": err}


def _text(stream: Any) -> str:
    stream.flush()
    return str(stream.buffer.getvalue().decode("utf-8"))


def main() -> None:
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    for line in iter(requests.readline, b""):
        answers.write(json.dumps(carry_out(json.loads(line))).encode() + b"\n")
        answers.flush()


main()
