"""Claude Code itself as a source: one `get_usage` control request to a `claude -p` process, which sends no prompt.

Claude Code answers a line `{"type": "control_request", "request": {"subtype": "get_usage"}}` on its stream-json input
with the answer of the usage endpoint, which it fetches with its own sign-in (types of the Agent SDK,
`SDKControlGetUsageResponse`; nothing is billed). We see no token. An `initialize` request names the account.
Older versions that do not know the request print the same percentages for the prompt `/usage`, which is a local command.

The process runs in an empty folder of ours, without hooks, MCP servers, settings of a project, updates and telemetry,
and without any variable that would make it use another login. It keeps no session.
"""

import json
import os
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tachograph import processes
from tachograph.model.limits.limits import NO_LOGIN, NO_PROGRAM, OK, SHAPE, TIMEOUT
from tachograph.model.parsing import as_object, text
from tachograph.paths import USAGE_QUESTION, home_folder, own_paths

DEADLINE_SECONDS = 20.0
LARGEST = 1 << 20  # bytes of output
_NAME = "claude"
_INITIALIZE, _USAGE = "tachograph-account", "tachograph-usage"
_FLAGS = (
    "--no-session-persistence",
    "--strict-mcp-config",
    "--setting-sources",
    "",
    "--settings",
    json.dumps({"disableAllHooks": True}),
)
_STREAM = ("-p", "--input-format", "stream-json", "--output-format", "stream-json", "--verbose")
_QUIET = {"DISABLE_AUTOUPDATER": "1", "DISABLE_TELEMETRY": "1", "DISABLE_ERROR_REPORTING": "1"}
# Keys, tokens, gateways and clouds of another login, and the marks of a session that we may run in.
_REMOVED_STARTS = ("ANTHROPIC_", "CLAUDE_CODE_", "AWS_BEARER_TOKEN", "OTEL_")
_REMOVED = ("CLAUDECODE", "NODE_OPTIONS", "BASH_ENV", "ENV")
_LOGIN_WORDS = ("/login", "log in", "sign in", "not logged in", "invalid api key", "authentication")


class Answer(NamedTuple):
    """Result of asking. `payload` only with OK: an answer of the usage endpoint, or the text of `/usage`. `email`,
    `uuid`, `organization`: the account that Claude Code names, "" where it names none."""

    outcome: str
    payload: Mapping[str, object] | str | None = None
    problem: str = ""
    email: str = ""
    uuid: str = ""
    organization: str = ""


def working_folder(env: Mapping[str, str]) -> str:
    """The empty folder in which Claude Code is asked. Its sessions, should there be any, are never counted."""
    return os.path.join(own_paths(env).data, USAGE_QUESTION)


def find_executable(env: Mapping[str, str]) -> str | None:
    """Absolute path of `claude`: from PATH, else from where its installers put it; never from the current folder."""
    try:
        here = _real(os.getcwd())
    except OSError:  # it was deleted
        here = ""
    entries = [part for part in env.get("PATH", "").split(os.pathsep) if part and _real(part) != here]
    found = processes.find_program(_NAME, {**env, "PATH": os.pathsep.join(entries)})
    if found is not None:
        return found
    home = home_folder(env)
    name = f"{_NAME}.exe" if os.name == "nt" else _NAME
    folders = [os.path.join(home, ".local", "bin"), os.path.join(home, ".claude", "local")]
    if os.name != "nt":
        folders += ["/opt/homebrew/bin", "/usr/local/bin"]
    paths = (os.path.join(folder, name) for folder in folders if os.path.isabs(folder))
    return next((path for path in paths if os.path.isfile(path) and os.access(path, os.X_OK)), None)


def ask(config_folder: str, env: Mapping[str, str], seconds: float = DEADLINE_SECONDS) -> Answer:
    """Ask Claude Code for the limits of a config folder's login, within a deadline. Never raises."""
    executable = find_executable(env)
    if executable is None:
        return Answer(NO_PROGRAM, problem="there is no program `claude` in an absolute folder of PATH")
    requests = b"".join(
        json.dumps({"type": "control_request", "request_id": id, "request": request}).encode() + b"\n"
        for id, request in (
            (_USAGE, {"subtype": "get_usage", "skip_behaviors": True}),
            (_INITIALIZE, {"subtype": "initialize"}),
        )
    )
    command = [executable, *_STREAM, *_FLAGS]
    output = _run(command, requests, _environment(config_folder, env), working_folder(env), seconds)
    if isinstance(output, Answer):
        return output
    found = parse(output)
    return found if found is not None else _no_answer(output)


def ask_text(config_folder: str, env: Mapping[str, str], seconds: float = DEADLINE_SECONDS) -> Answer:
    """Ask an older Claude Code by its command `/usage`: the payload is text. Never raises."""
    executable = find_executable(env)
    if executable is None:
        return Answer(NO_PROGRAM, problem="there is no program `claude` in an absolute folder of PATH")
    command = [executable, "-p", "/usage", "--output-format", "json", *_FLAGS]
    output = _run(command, b"", _environment(config_folder, env), working_folder(env), seconds)
    if isinstance(output, Answer):
        return output
    for line in _objects(output):
        result = line.get("result")
        if isinstance(result, str) and not line.get("is_error"):
            return Answer(OK, result)
    plain = output.decode("utf-8", "replace")
    return Answer(OK, plain) if "% used" in plain else _no_answer(output)


def parse(output: bytes) -> Answer | None:
    """The answer to `get_usage` in Claude Code's output; None without one."""
    account: Mapping[str, object] = {}
    usage: Mapping[str, object] | None = None
    for line in _objects(output):
        if line.get("type") != "control_response":
            continue
        response = as_object(line.get("response"))
        account = as_object(as_object(response.get("response")).get("account")) or account
        if (response.get("request_id") or line.get("request_id")) != _INITIALIZE:
            usage = response
    if usage is None:
        return None
    if usage.get("subtype") == "error":
        outcome = NO_LOGIN if _is_login_problem(text(usage.get("error"), 200)) else SHAPE
        return Answer(outcome, problem="Claude Code refuses the request for usage")
    limits = as_object(usage.get("response")).get("rate_limits")
    found = Answer(
        OK,
        email=text(account.get("email"), 200),
        uuid=text(account.get("uuid") or account.get("accountUuid")),
        organization=text(account.get("organizationUuid")),
    )
    if isinstance(limits, Mapping):
        return found._replace(payload=limits)
    if limits is None:
        return found._replace(outcome=NO_LOGIN, problem="Claude Code is not signed in to a plan here")
    return found._replace(outcome=SHAPE, problem="Claude Code's answer holds no limits")


def _environment(config_folder: str, env: Mapping[str, str]) -> dict[str, str]:
    """The environment of the process: its config folder as a person spells it, and no other login."""
    made = {
        name: value
        for name, value in env.items()
        if name not in _REMOVED and not name.startswith(_REMOVED_STARTS) and name != "CLAUDE_CONFIG_DIR"
    }
    spelled = [part.strip() for part in env.get("CLAUDE_CONFIG_DIR", "").split(",")]
    home = home_folder(env)
    for part in spelled:
        path = os.path.join(home, part[2:]) if part.startswith("~/") else part
        if part and _real(path) == _real(config_folder):
            made["CLAUDE_CONFIG_DIR"] = path
    if "CLAUDE_CONFIG_DIR" not in made and _real(config_folder) != _real(os.path.join(home, ".claude")):
        made["CLAUDE_CONFIG_DIR"] = config_folder
    return {**made, **_QUIET}


def _run(command: list[str], data: bytes, env: Mapping[str, str], folder: str, seconds: float) -> bytes | Answer:
    """The output of Claude Code in our empty folder; an Answer without output."""
    try:
        os.makedirs(folder, 0o700, exist_ok=True)
        output = processes.FedCommand(command, data, LARGEST, env, folder).output(seconds)
    except (OSError, ValueError) as error:
        return Answer(NO_PROGRAM, problem=f"Claude Code cannot be started ({type(error).__name__})")
    if output is None:
        return Answer(TIMEOUT, problem=f"Claude Code gave no whole answer within {seconds:g} s")
    return output


def _no_answer(output: bytes) -> Answer:
    """The outcome of an output without the answer: nothing of it is repeated."""
    if _is_login_problem(output[:4000].decode("utf-8", "replace")):
        return Answer(NO_LOGIN, problem="Claude Code asks for a sign-in; run `claude` and sign in")
    return Answer(SHAPE, problem="Claude Code's output holds no answer that we know")


def _is_login_problem(words: str) -> bool:
    return any(word in words.lower() for word in _LOGIN_WORDS)


def _objects(output: bytes) -> Iterator[Mapping[str, object]]:
    """The JSON objects among the lines of an output."""
    for line in output.splitlines():
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, Mapping):
            yield value


def _real(path: str) -> str:
    return os.path.normcase(os.path.realpath(path))
