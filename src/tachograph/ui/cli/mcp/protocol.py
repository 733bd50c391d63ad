"""JSON-RPC 2.0 over standard input and output, one message a line: the stdio transport of the Model Context Protocol.

Written by hand: the official SDK costs a second of start-up and 60 MB for what are four methods here. The tests talk to it
with that SDK's client. Specification: https://modelcontextprotocol.io/specification/2025-06-18/basic
"""

import json
import math
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TextIO

from tachograph import __version__

VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")  # newest first
MOST_CHARACTERS = 1_000_000  # of one message; a longer line is refused and skipped
PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, INTERNAL_ERROR = -32700, -32600, -32601, -32602, -32603


class Tool(NamedTuple):
    """A read-only tool: its JSON Schema for arguments, and the function that answers with a JSON object."""

    name: str
    title: str
    description: str
    schema: Mapping[str, Any]
    call: Callable[[Mapping[str, Any]], dict[str, Any]]

    def document(self) -> dict[str, Any]:
        hints = {"title": self.title, "readOnlyHint": True, "openWorldHint": False}
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "inputSchema": self.schema,
            "annotations": hints,
        }


class ToolError(Exception):
    """A call that cannot be answered; the message reaches the agent."""


class RequestError(Exception):
    """A request that breaks the protocol."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def serve(tools: Sequence[Tool], instructions: str, lines: TextIO, out: TextIO) -> None:
    """Answer requests until the input ends. A bad line gets an error answer; it never ends the server."""
    while line := lines.readline(MOST_CHARACTERS + 1):
        if len(line) > MOST_CHARACTERS and not line.endswith("\n"):
            while (rest := lines.readline(MOST_CHARACTERS)) and not rest.endswith("\n"):
                pass
            answer: object = _error(None, INVALID_REQUEST, f"A message has at most {MOST_CHARACTERS} characters.")
        elif not line.strip():
            continue
        else:
            answer = answer_to(line, tools, instructions)
        if answer is not None:
            out.write(json.dumps(answer) + "\n")  # ASCII: whatever the encoding of the stream
            out.flush()


def answer_to(line: str, tools: Sequence[Tool], instructions: str) -> object:
    """The answer to one line; None for notifications. A list of messages (a batch) gets a list of answers."""
    try:
        message = json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return _error(None, PARSE_ERROR, "The line is not JSON.")
    if isinstance(message, list) and message:
        answers = [one for one in (_answer(part, tools, instructions) for part in message) if one is not None]
        return answers or None
    return _answer(message, tools, instructions)


def _refuse(constant: str) -> None:
    """Refuse NaN and Infinity, which Python reads and JSON does not have. Raises ValueError."""
    raise ValueError(constant)


def _answer(message: object, tools: Sequence[Tool], instructions: str) -> dict[str, Any] | None:
    if not isinstance(message, dict) or not isinstance(message.get("method"), str):
        if isinstance(message, dict) and ("result" in message or "error" in message):
            return None  # an answer to a question this server never asks
        return _error(None, INVALID_REQUEST, "A message is an object with a method.")
    if "id" not in message:
        return None  # a notification
    if not isinstance(message["id"], str | int | float | None):
        return _error(None, INVALID_REQUEST, "An id is a string or a number.")
    params = message.get("params")
    try:
        result = _result(message["method"], params if isinstance(params, dict) else {}, tools, instructions)
    except RequestError as error:
        return _error(message["id"], error.code, str(error))
    except Exception:  # noqa: BLE001 - a fault in one answer does not end the server
        traceback.print_exc(file=sys.stderr)
        return _error(message["id"], INTERNAL_ERROR, "That is a mistake in Tachograph.")
    return {"jsonrpc": "2.0", "id": message["id"], "result": result}


def _result(method: str, params: Mapping[str, Any], tools: Sequence[Tool], instructions: str) -> dict[str, Any]:
    if method == "initialize":
        asked = params.get("protocolVersion")
        return {
            "protocolVersion": asked if asked in VERSIONS else VERSIONS[0],
            "capabilities": {"tools": {"listChanged": False}},
            "serverInfo": {"name": "tachograph", "version": __version__},
            "instructions": instructions,
        }
    if method == "ping":
        return {}
    if method == "tools/list":
        return {"tools": [tool.document() for tool in tools]}
    if method == "tools/call":
        return _call(params, tools)
    raise RequestError(METHOD_NOT_FOUND, f"There is no method {method[:80]!r}.")


def _call(params: Mapping[str, Any], tools: Sequence[Tool]) -> dict[str, Any]:
    tool = next((one for one in tools if one.name == params.get("name")), None)
    if tool is None:
        raise RequestError(INVALID_PARAMS, f"There is no such tool. Known: {', '.join(one.name for one in tools)}.")
    arguments = params.get("arguments")
    try:
        found = tool.call(_checked(arguments if arguments is not None else {}, tool.schema))
    except ToolError as error:
        return {"content": [{"type": "text", "text": str(error)}], "isError": True}
    return {"content": [{"type": "text", "text": json.dumps(found)}], "structuredContent": found, "isError": False}


def _checked(arguments: object, schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Check arguments against the part of JSON Schema that our tools use. Raises ToolError."""
    if not isinstance(arguments, dict):
        raise ToolError("Arguments are an object.")
    properties = schema["properties"]
    for name, value in arguments.items():
        if name not in properties:
            raise ToolError(f"There is no argument {str(name)[:80]!r}. Known: {', '.join(properties) or 'none'}.")
        kind, choices = properties[name]["type"], properties[name].get("enum")
        fits = isinstance(value, str) if kind == "string" else isinstance(value, int | float)
        if not fits or isinstance(value, bool):
            raise ToolError(f"{name} must be a {kind}.")
        least, most = properties[name].get("minimum", -math.inf), properties[name].get("maximum", math.inf)
        if kind == "number" and not least <= value <= most:
            raise ToolError(f"{name} must be a number from {least} to {most}.")
        if choices is not None and value not in choices:
            raise ToolError(f"{name} must be one of {', '.join(choices)}.")
    for name in schema.get("required", ()):
        if name not in arguments:
            raise ToolError(f"{name} is missing.")
    return arguments


def _error(id_: object, code: int, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id_, "error": {"code": code, "message": message}}
