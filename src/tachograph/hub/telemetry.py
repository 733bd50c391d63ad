"""OpenTelemetry logs of Claude Code (OTLP over HTTP, JSON or protobuf), for seats without Tachograph.

Only `api_request` events are taken, and of them only model, time, token counts, speed, the request's id and the account.
Everything else is dropped here, before anything is stored or logged: prompts, commands, e-mail addresses, host names.
Counters are refused: they add up wrongly if processes share a session. Format: docs/team.md.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from tachograph.errors import TachographError
from tachograph.hub.readable import TELEMETRY, TeamMessage, account_mark, request_mark
from tachograph.hub.wire import Malformed
from tachograph.model.usage.prices import tariff

EVENT = "api_request"
PROTOBUF = "application/x-protobuf"
MAX_RECORDS = 5_000
_WANTED = frozenset({
    "event.name", "event.timestamp", "model", "input_tokens", "output_tokens", "cache_read_tokens", "cache_creation_tokens",
    "request_id", "speed", "user.account_uuid", "organization.id",
})  # fmt: skip
_MOST = 10**9
REFUSED_COUNTERS = (
    "Counters are not taken: they add up wrongly when processes share a session. Send logs only:"
    " OTEL_METRICS_EXPORTER=none and OTEL_LOGS_EXPORTER=otlp."
)


def messages_of(body: bytes, kind: str) -> tuple[list[TeamMessage], int]:
    """The requests in an export, and the number of `api_request` events that can't be understood. Raises Malformed."""
    records = list(_from_protobuf(body) if kind == PROTOBUF else _from_json(body))
    if len(records) > MAX_RECORDS:
        raise Malformed(f"more than {MAX_RECORDS} log records")
    found, bad = [], 0
    for record in records:
        if record.get("event.name") not in (EVENT, f"claude_code.{EVENT}"):
            continue
        try:
            found.append(_message(record))
        except (ValueError, TypeError, KeyError, OverflowError):
            bad += 1
    return found, bad


def _message(record: dict[str, Any]) -> TeamMessage:
    request = request_mark(str(record["request_id"]))
    if not request:
        raise ValueError("no request id")
    read, written = _count(record, "cache_read_tokens"), _count(record, "cache_creation_tokens")
    given, output = _count(record, "input_tokens"), _count(record, "output_tokens")
    at = datetime.fromisoformat(str(record["event.timestamp"]).replace("Z", "+00:00"))
    moment = int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
    if not 0 <= moment < 1 << 45:
        raise ValueError("impossible time")
    account, organization = str(record.get("user.account_uuid", "")), str(record.get("organization.id", ""))
    speed = "fast" if record.get("speed") == "fast" else ""
    return TeamMessage(
        request | 1 << 61, moment, moment, request, str(record["model"])[:200], tariff(speed, "", given + read + written), "",
        "", account_mark(f"{account}|{organization}") if account else "", (given, output, written, 0, read, 0), -1, True,
        TELEMETRY,
    )  # fmt: skip


def _count(record: dict[str, Any], name: str) -> int:
    value = int(record.get(name, 0))
    if not 0 <= value <= _MOST:
        raise ValueError(name)
    return value


def _from_json(body: bytes) -> Iterator[dict[str, Any]]:
    try:
        document = json.loads(body)
        for resource in document.get("resourceLogs", []):
            for scope in resource.get("scopeLogs", []):
                for record in scope.get("logRecords", []):
                    yield _select((one["key"], _plain(one.get("value"))) for one in record.get("attributes", []))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise Malformed("not OTLP logs in JSON") from error


def _plain(value: Any) -> Any:
    """The scalar in a value of OTLP's JSON: {"stringValue": …}, {"intValue": "5"} …"""
    return next(iter(value.values()), None) if isinstance(value, dict) else None


def _from_protobuf(body: bytes) -> Iterator[dict[str, Any]]:
    try:
        from google.protobuf.message import DecodeError
        from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
    except ImportError as error:
        raise TachographError(
            "Protobuf needs the package opentelemetry-proto, which is not installed on the hub.",
            "Install tachograph[hub] there, or send JSON: OTEL_EXPORTER_OTLP_PROTOCOL=http/json",
        ) from error
    export = ExportLogsServiceRequest()
    try:
        export.ParseFromString(body)
    except DecodeError as error:
        raise Malformed("not OTLP logs in protobuf") from error
    for resource in export.resource_logs:
        for scope in resource.scope_logs:
            for record in scope.log_records:
                yield _select(
                    (one.key, getattr(one.value, one.value.WhichOneof("value") or "", None))
                    for one in record.attributes
                )


def _select(attributes: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    return {key: value for key, value in attributes if key in _WANTED and isinstance(value, str | int | float)}
