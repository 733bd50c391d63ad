"""OpenTelemetry in, and metrics out: only the listed fields pass the edge, and a request counts once."""

import gzip
import http.client
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from helpers import NOW, Home
from hub_server import Hub, hub, join, sync
from tachograph.demo import records

CANARIES = ("canary-mail@example.org", "canary prompt", "rm -rf canary", "canary-host")


def event(request: str, name: str = "api_request", **more: Any) -> dict[str, Any]:
    """A log record as Claude Code exports it, with canaries in everything that is not asked for."""
    at = (NOW - timedelta(hours=2)).isoformat().replace("+00:00", "Z")
    given = {
        "event.name": name, "event.timestamp": at, "user.email": CANARIES[0], "prompt": CANARIES[1], "command": CANARIES[2],
        "host.name": CANARIES[3], "user.account_uuid": "00000000-0000-4000-8000-000000000001",
        "organization.id": "00000000-0000-4000-8000-000000000002", "model": "claude-opus-5-5", "input_tokens": 4,
        "output_tokens": 512, "cache_read_tokens": 50_000, "cache_creation_tokens": 9_000, "request_id": request,
        "speed": "normal", "cost_usd": 0.09, **more,
    }  # fmt: skip
    return {
        "body": {"stringValue": CANARIES[1]},
        "attributes": [{"key": key, "value": _value(value)} for key, value in given.items()],
    }


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": value}


def export(*found: dict[str, Any]) -> bytes:
    resource = {"attributes": [{"key": "host.name", "value": {"stringValue": CANARIES[3]}}]}
    return json.dumps({"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": list(found)}]}]}).encode()


def send(
    served: Hub, token: str, body: bytes, kind: str = "application/json", path: str = "/v1/logs", **more: str
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    headers = {
        "Content-Type": kind,
        "Authorization": f"Bearer {token}",
        **{k.replace("_", "-"): v for k, v in more.items()},
    }
    connection.request("POST", path, body, headers)
    response = connection.getresponse()
    data = response.read()
    connection.close()
    return response.status, data


def seat(served: Hub, name: str) -> str:
    lines = dict(
        line.removeprefix("export ").split("=", 1)
        for line in served.home.call("hub", "telemetry", name).stdout.splitlines()
    )
    assert lines["OTEL_METRICS_EXPORTER"] == "'none'" and served.url in lines["OTEL_EXPORTER_OTLP_ENDPOINT"]
    return lines["OTEL_EXPORTER_OTLP_HEADERS"].strip("'").removeprefix("Authorization=Bearer ")


def messages(served: Hub) -> list[Any]:
    return served.rows(
        "SELECT source, messages, input, output, cache_write_5m, cache_read FROM message ORDER BY identity"
    )


def test_only_requests_are_taken_and_nothing_else_reaches_store_or_log(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        token = seat(served, "ada")
        other = [event("x", name) for name in ("user_prompt", "tool_result", "api_error")]
        assert send(served, token, export(event("req_A"), *other)) == (200, b"{}")
        assert messages(served) == [(1, 1, 4, 512, 9_000, 50_000)]
        status, body = send(served, token, export(event("req_B", output_tokens=-5), event("", output_tokens=7)))
        assert status == 200 and json.loads(body)["partialSuccess"]["rejectedLogRecords"] == 2
        assert send(served, token, b"{")[0] == 400 and send(served, token, b'{"resourceLogs": 5}')[0] == 400
        assert send(served, "x" * 43, export(event("req_C")))[0] == 401
        status, body = send(served, token, b"{}", path="/v1/metrics")
        assert status == 400 and b"Counters are not taken" in body
        tables = ("message", "word", "fact", "audit", "machine", "member")
        dump = "".join(str(served.rows(f"SELECT * FROM {table}")) for table in tables)
        dump += (served.home.root / "hub.log").read_text()
        assert not [canary for canary in CANARIES if canary in dump]


def test_protobuf_and_gzip_say_the_same_as_json(tmp_path: Path) -> None:
    service = pytest.importorskip("opentelemetry.proto.collector.logs.v1.logs_service_pb2")
    made = service.ExportLogsServiceRequest()
    record = made.resource_logs.add().scope_logs.add().log_records.add()
    for one in event("req_A")["attributes"]:
        added = record.attributes.add(key=one["key"])
        ((kind, value),) = one["value"].items()
        setattr(added.value, {"stringValue": "string_value", "intValue": "int_value", "doubleValue": "double_value"}[kind],
                int(value) if kind == "intValue" else value)  # fmt: skip
    with hub(tmp_path / "hub") as served:
        token = seat(served, "ada")
        assert send(served, token, made.SerializeToString(), "application/x-protobuf") == (200, b"")
        assert messages(served) == [(1, 1, 4, 512, 9_000, 50_000)]
        packed = gzip.compress(export(event("req_A")))
        assert send(served, token, packed, Content_Encoding="gzip")[0] == 200
        assert messages(served) == [(1, 1, 4, 512, 9_000, 50_000)]  # once
        assert send(served, token, b"\xff\xff\xff", "application/x-protobuf")[0] == 400


@pytest.mark.parametrize("is_first", [True, False])
def test_a_request_that_a_transcript_has_too_counts_once(tmp_path: Path, is_first: bool) -> None:
    with hub(tmp_path / "hub") as served:
        machine = Home(tmp_path / "ada")
        line = {**records.assistant("A", at=NOW - timedelta(hours=2), output=512), "requestId": "req_A"}
        join(machine, served.invite("ada"), "laptop", "--share", "names")
        token = seat(served, "ada")
        if is_first:
            send(served, token, export(event("req_A"), event("req_B")))
        machine.write("-p/a.jsonl", [line])
        sync(machine)
        if not is_first:
            send(served, token, export(event("req_A"), event("req_B")))
        assert sorted(row[0] for row in messages(served)) == [0, 1]
        assert machine.call("team", "--json").json["totals"]["messages"] == 2
        assert served.home.call("hub", "doctor", "--json").json["repaired"] == 0


def test_metrics_need_their_token_and_show_totals_only(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        assert get_metrics(served, "")[0] == 404
    home = Home(tmp_path / "second")
    home.env["TACHOGRAPH_HUB_METRICS_TOKEN"] = token = "metrics-token-of-a-test"  # noqa: S105
    served = Hub(home)
    try:
        for name in ("ada", "bob", "cleo"):
            machine = Home(tmp_path / name)
            machine.write("-p/a.jsonl", [records.assistant(name, output=100)])
            join(machine, served.invite(name), "laptop", "--share", "names")
        assert get_metrics(served, "wrong")[0] == 401
        machine.run("team")
        status, text = get_metrics(served, token)
        assert status == 200 and "tachograph_hub_members 3\n" in text and "tachograph_team_messages_total 3\n" in text
        assert not [name for name in ("ada", "bob", "cleo") if name in text]
    finally:
        served.kill()


def get_metrics(served: Hub, token: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {token}"} if token else {})
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, text
