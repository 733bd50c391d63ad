"""What goes wrong between machines and a hub costs nothing and counts nothing twice."""

import gzip
import json
import shutil
import socket
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from helpers import NOW, NOW_MS, Home
from hub_server import Hub, Relay, answers, hub, invite_next, join, only_sqlite, post, rows, sync, token_of
from tachograph.demo import records


def write(machine: Home, *labels: str, output: int = 100, session: str = records.SESSION) -> None:
    """Messages of one session on a machine."""
    lines = [records.user("go", at=NOW - timedelta(hours=2), session=session)]
    lines += [
        records.assistant(label, at=NOW - timedelta(hours=1, minutes=n), output=output, session=session)
        for n, label in enumerate(labels)
    ]
    machine.write(Path("-home-ada-code-shop") / f"{session}-{'-'.join(labels)[:40]}.jsonl", lines)


def two(tmp_path: Path, served: Hub, *more: str) -> tuple[Home, Home]:
    first, second = Home(tmp_path / "first"), Home(tmp_path / "second")
    write(first, "A", "B")
    write(second, "C")
    join(first, served.invite(), "first", *more)
    join(second, invite_next(first), "second", *more)
    return first, second


def messages(machine: Home) -> int:
    return int(machine.call("daily", "--json", "--no-ingest").json["totals"]["messages"])


def stored(served: Hub) -> int:
    return int(served.rows("SELECT count(*) FROM fact WHERE kind = 'message'")[0][0])


def test_what_waited_for_a_hub_that_was_down_arrives_once(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        first, second = two(tmp_path, served)
        served.kill()
        write(first, "D")
        done = first.call("sync")
        assert done.code == 1 and "can't be reached" in done.stderr
        write(first, "E")
        assert first.call("sync").code == 1
        served.start()
        sync(first, second, first)
        assert messages(first) == messages(second) == 5 and stored(served) == 5


def test_a_push_with_a_lost_answer_is_repeated_and_changes_nothing(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        relay = Relay(served.port)
        first = Home(tmp_path / "first")
        write(first, "A", "B")
        words = served.invite()
        join(first, [f"http://127.0.0.1:{relay.port}", words[1]], "first")
        write(first, "C")
        relay.drop_answers = 2  # the client tries once more by itself
        assert first.call("sync").code == 1
        assert stored(served) == 3
        sync(first)
        assert stored(served) == 3 and rows(first, "SELECT count(*) FROM touched") == [(0,)]
        relay.close()


def test_a_hub_restored_from_an_older_backup_gets_everything_again(tmp_path: Path) -> None:
    only_sqlite()
    with hub(tmp_path / "hub") as served:
        first, second = two(tmp_path, served)
        backup = tmp_path / "hub.backup"
        served.home.run("hub", "backup", str(backup))
        write(first, "D")
        sync(first)
        served.kill()
        for left in served.database.parent.glob("hub.sqlite3*"):
            if not left.name.endswith("address"):
                left.unlink()
        shutil.copy(backup, served.database)
        served.start()
        sync(second, first, first, second)
        assert messages(second) == messages(first) == 4 and stored(served) == 4


def test_an_empty_hub_at_the_same_address_gets_nothing_before_the_person_decides(tmp_path: Path) -> None:
    only_sqlite()
    with hub(tmp_path / "hub") as served:
        first, _ = two(tmp_path, served)
        served.kill()
        for left in served.database.parent.glob("hub.sqlite3*"):
            left.unlink()
        served.start()
        served.invite()
        write(first, "D")
        done = first.call("sync")
        assert done.code == 1 and "join" in done.stderr and stored(served) == 0
        assert "Stopped" in first.call("machines").stdout


def test_the_same_transcripts_on_three_machines_count_once(tmp_path: Path) -> None:
    machines = [Home(tmp_path / name) for name in ("a", "b", "c")]
    for machine in machines:
        write(machine, "A", "B", "C")
    with hub(tmp_path / "hub") as served:
        join(machines[0], served.invite(), "a")
        for machine in machines[1:]:
            join(machine, invite_next(machines[0]), machine.root.name)
        sync(*machines)
        assert [messages(machine) for machine in machines] == [3, 3, 3]


def test_a_copy_that_was_cut_off_is_completed_by_another_machine(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        first, second = two(tmp_path, served)
        at = NOW - timedelta(minutes=30)
        path = Path("-home-ada-code-shop/cut.jsonl")
        first.write(path, [records.assistant("X", at=at, output=1, stop=None)])
        second.write(
            path, [records.assistant("X", at=at, output=1, stop=None), records.assistant("X", at=at, output=700)]
        )
        sync(first, second, first)
        assert answers(first) == answers(second)
        assert first.call("daily", "--json").json["totals"]["tokens"]["output"] == 3 * 100 + 700


def test_a_link_that_another_machine_learns_of_later_moves_the_message(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        first, second = two(tmp_path, served)
        assert [row["pr"] for row in second.report("prs")["rows"]] == [None]
        first.append("-home-ada-code-shop/late.jsonl", [records.pr_link(77, at=NOW - timedelta(minutes=5))])
        sync(first, second)
        linked = {row["pr"]["number"]: row["messages"] for row in second.report("prs")["rows"] if row["pr"]}
        assert linked and answers(first)["prs"] == answers(second)["prs"]
        assert rows(second, "SELECT count(*) FROM rollup WHERE messages = 0") == [(0,)]


def test_a_session_resumed_on_another_machine_belongs_to_one_session(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        first, second = two(tmp_path, served)
        write(second, "A", "B", "F", session="5e55101a-0000-4000-8000-00000000000f")
        sync(second, first, second)
        assert answers(first) == answers(second) and messages(first) == 4


@pytest.mark.parametrize("hours", [-2, 2])
def test_a_wrong_clock_is_measured_and_its_readings_are_never_in_the_future(tmp_path: Path, hours: int) -> None:
    with hub(tmp_path / "hub") as served:
        first, second = two(tmp_path, served)
        second.env["TACHOGRAPH_NOW"] = str(NOW_MS + hours * 3_600_000)
        write(second, "D")
        second.run("sync")
        sync(first)
        machine = next(one for one in first.call("machines", "--json").json["machines"] if one["name"] == "second")
        assert machine["skew_seconds"] == -hours * 3600
        assert rows(first, f"SELECT count(*) FROM reading WHERE last_at > {NOW_MS}") == [(0,)]
        assert messages(first) == 4


def test_after_an_erasure_a_replay_is_refused(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        first, _ = two(tmp_path, served)
        assert delete(served, token_of(first)) == 200
        assert stored(served) == 0
        body = json.dumps({"ledger": "x", "facts": []}).encode()
        assert post(served.port, "push", body, token_of(first))[0] == 410
        write(first, "D")
        done = first.call("sync")
        assert done.code == 1 and "erased" in done.stderr and stored(served) == 0


def delete(served: Hub, token: str) -> int:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
    connection.request("DELETE", "/hub/1/me", headers={"Authorization": f"Bearer {token}"})
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_revoked_machine_stops_and_says_so_once(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        first, second = two(tmp_path, served)
        served.home.run("hub", "revoke", "first")
        write(first, "D")
        done = first.call("sync")
        assert done.code == 1 and "revoked" in done.stderr and stored(served) == 3
        before = (served.home.root / "hub.log").read_text()
        first.call("sync")
        assert (served.home.root / "hub.log").read_text() == before  # it asks no more
        sync(second)


def test_a_stolen_token_adds_rows_of_that_member_only_and_reads_no_others(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        first, _ = two(tmp_path, served)
        eve = Home(tmp_path / "eve")
        write(eve, "E")
        join(eve, served.invite("eve", "--owner-agrees"), "eve")
        stolen = token_of(eve)
        fact = ["message", "1", 1, {"member": 1, "machine": "first"}, ""]
        body = json.dumps({"ledger": "y", "facts": [fact], "member": 1, "machine": "first"}).encode()
        assert post(served.port, "push", body, stolen)[0] == 200
        sync(first)
        assert messages(first) == 3
        document = served.home.call("hub", "members", "--json").json
        held = {member["name"]: member["facts"]["message"] for member in document["members"]}
        assert held == {"ada": 3, "eve": 2}
        status, body_of = get(served, "mine?after=0", stolen)
        assert status == 200 and body_of["facts"]["count"] == 0


def test_no_request_has_a_field_that_makes_a_machine_another_members(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        first, _ = two(tmp_path, served)
        eve = Home(tmp_path / "eve")
        write(eve, "E")
        join(eve, served.invite("eve", "--owner-agrees"), "eve")
        token, (machine,) = token_of(eve), served.rows("SELECT id FROM machine WHERE name = 'first'")[0]
        before = served.rows("SELECT * FROM fact WHERE member = 1 ORDER BY seq")
        claims = [{name: value} for name in CLAIMS for value in (1, "1", "ada", machine)]
        claims.append(dict.fromkeys(CLAIMS, 1) | {"machine": machine, "token": token_of(first)})
        for number, claim in enumerate(claims):
            fact = ["session", f"claimed {number}", 1, {"span": [1, 2], **claim}, ""]
            body = {"ledger": "y", "facts": [fact], **claim}
            status, answer = post(
                served.port, f"push?{CLAIMS[number % len(CLAIMS)]}=1", json.dumps(body).encode(), token
            )
            assert status == 200 and answer["changed"] == 1, answer
            request = {"share": "names", **claim}
            assert post(served.port, "share", json.dumps(request).encode(), token)[0] == 200
            status, pulled = get(served, f"mine?after=0&{'&'.join(f'{name}=1' for name in CLAIMS)}", token)
            assert status == 200 and pulled["facts"]["count"] == 0
        assert (
            post(served.port, "invite", json.dumps({"member": 1, "name": "ada"}).encode(), token)[1]["member"] == "eve"
        )
        left = {"erase": True, "member": 1, "machine": machine}
        assert post(served.port, "leave", json.dumps(left).encode(), token)[1] == {"left": "eve"}
        assert served.rows("SELECT * FROM fact WHERE member = 1 ORDER BY seq") == before
        assert dict(served.rows("SELECT name, share FROM machine"))["first"] == "mine"
        sync(first)
        assert messages(first) == 3


CLAIMS = ("member", "member_id", "person", "name", "machine", "machine_id", "role")


def get(served: Hub, name: str, token: str) -> tuple[int, Any]:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
    connection.request("GET", f"/hub/1/{name}", headers={"Authorization": f"Bearer {token}"})
    response = connection.getresponse()
    data = response.read()
    connection.close()
    return response.status, json.loads(gzip.decompress(data) if response.getheader("Content-Encoding") else data)


POISON = [
    ["message", "1", 1, [1, 2, [-1, 0, 0, 0, 0, 0], -1, [], {}, []], ""],
    ["message", "2", 1, [1, 2, [10**10, 0, 0, 0, 0, 0], -1, [], {}, []], ""],
    ["message", "3", 1, {"model": "m" * 10_240}, ""],
    ["message", "4\x00", 1, {}, ""],
    ["message", "5", 1, {"model": "\x1b[31m"}, ""],
    ["message", "6", -1, {}, ""],
    ["message", "7", True, {}, ""],
    ["nothing", "8", 1, {}, ""],
    ["session", "9", 1, [0] * 1_000_000, ""],
    ["session", "10", 1, {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": 1}}}}}}}}, ""],
    "no fact",
    [],
]


def test_poisoned_facts_are_refused_by_number_and_the_rest_lands(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        first, second = two(tmp_path, served)
        good = ["session", "=cmd|calc", 1, {"titles": [[0, "2026", 1, "=HYPERLINK(1)"]]}, ""]
        body = gzip.compress(json.dumps({"ledger": "z", "facts": [*POISON, good]}).encode())
        status, answer = post(served.port, "push", body, token_of(first), Content_Encoding="gzip")
        assert status == 200 and answer["taken"] == 1
        assert [place for place, _ in answer["refused"]] == list(range(len(POISON)))
        nan = b'{"ledger": "z", "facts": [["session", "n", 1, {"span": [NaN, 1]}, ""]]}'
        assert post(served.port, "push", nan, token_of(first))[0] == 400
        sync(second)
        assert messages(second) == 3
        assert second.run("sessions", "--csv").code == 0


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"x" * (1 << 20) + b"y", {}, 413),
        (gzip.compress(b"0" * (30 << 20)), {"Content_Encoding": "gzip"}, 413),
        (b"\x1f\x8b broken", {"Content_Encoding": "gzip"}, 400),
        (b"[1, 2", {}, 400),
        (b"{}", {"Content_Type": "text/plain"}, 415),
        (b"{}", {"Origin": "https://evil.example"}, 403),
        (b"{}", {"Host": "evil.example"}, 421),
    ],
)
def test_requests_that_no_machine_sends_are_refused(
    tmp_path: Path, body: bytes, headers: dict[str, str], status: int
) -> None:
    with hub(tmp_path / "hub") as served:
        first = Home(tmp_path / "first")
        write(first, "A")
        join(first, served.invite(), "first")
        assert post(served.port, "push", body, token_of(first), **headers)[0] == status
        sync(first)


def test_a_slow_body_is_cut_off_within_seconds_and_others_are_served_meanwhile(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        first = Home(tmp_path / "first")
        write(first, "A")
        join(first, served.invite(), "first")
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", served.port)) as slow:
            slow.sendall(
                f"POST /hub/1/push HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nContent-Type: application/json\r\n"
                f"Content-Length: 1000\r\nAuthorization: Bearer {token_of(first)}\r\n\r\n{{".encode()
            )
            sync(first)
            slow.settimeout(20)
            assert b" 408 " in slow.recv(4096)
        assert time.monotonic() - began < 15


def test_wrong_codes_end_the_tries_of_their_address_and_no_one_elses(tmp_path: Path) -> None:
    with hub(tmp_path / "hub", "--public", "https://tacho.example") as served:
        code = served.invite()[1]
        wrong = f"{code[:4]}-AAAA-AAAA-AAAA-AAAA"
        document = {"code": wrong, "name": "x", "share": "mine", "key_check": ""}
        said = [
            post(served.port, "join", json.dumps(document).encode(), X_Forwarded_For="203.0.113.9")[0]
            for _ in range(15)
        ]
        assert said[:10] == [403] * 10 and set(said[10:]) == {429}
        right = json.dumps({**document, "code": code}).encode()
        assert post(served.port, "join", right, X_Forwarded_For="203.0.113.9")[0] == 429
        status, answer = post(served.port, "join", right, X_Forwarded_For="198.51.100.7")
        assert status == 200 and answer["token"]
        assert post(served.port, "join", right, X_Forwarded_For="198.51.100.7")[0] == 403  # once


def test_a_hub_far_away_is_never_spoken_to_in_the_clear(tmp_path: Path) -> None:
    home = Home(tmp_path / "first")
    write(home, "A")
    done = home.run("join", "http://tacho.example:80", "CODE", "--yes", code=2)
    assert "in the clear" in done.stderr
    done = home.run("hub", "serve", "--listen", "0.0.0.0:0", code=2)
    assert "in the clear" in done.stderr


def certificate(folder: Path, days: int = 1, name: str = "cert") -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself; `days` below 0: it has expired."""
    import ipaddress
    from datetime import UTC, datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hub")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=10))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / f"{name}.pem", folder / f"{name}.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


def test_a_certificate_is_checked_before_anything_is_sent(tmp_path: Path) -> None:
    good = certificate(tmp_path)
    first = Home(tmp_path / "first")
    write(first, "A")
    with hub(tmp_path / "hub", "--cert", str(good[0]), "--key", str(good[1])) as served:
        words = served.invite()
        assert words[0].startswith("https://127.0.0.1:")
        done = first.run("join", *words, "--yes", code=1)
        assert "certificate" in done.stderr
        join(first, words, "first", "--ca", str(good[0]))
        served.kill()
        other = certificate(tmp_path, name="other")
        served._more = ("--cert", str(other[0]), "--key", str(other[1]))
        served.start()
        write(first, "B")
        done = first.run("sync", code=1)
        assert "certificate" in done.stderr and stored(served) == 1
        served.kill()
        old = certificate(tmp_path, days=-1, name="old")
        served._more = ("--cert", str(old[0]), "--key", str(old[1]))
        served.start()
        assert "certificate" in first.run("sync", code=1).stderr


def test_sharing_less_deletes_what_was_sent_wider(tmp_path: Path) -> None:
    only_sqlite()
    with hub(tmp_path / "hub") as served:
        first, second = two(tmp_path, served)
        first.append("-home-ada-code-shop/t.jsonl", [records.title("a telling title")])
        sync(first)
        for machine in (first, second):
            done = machine.call("join", "--share", "names", "--yes")
            assert done.code == 0, done
        served.kill()
        content = b"".join(path.read_bytes() for path in served.database.parent.glob("hub.sqlite3*"))
        assert b"a telling title" not in vacuumed(served) and content
        served.start()
        sync(first, second)
        assert answers(first) == answers(second)


def vacuumed(served: Hub) -> bytes:
    import sqlite3

    db = sqlite3.connect(served.database)
    db.execute("VACUUM")
    dump = "\n".join(db.iterdump()).encode()
    db.close()
    return dump


def test_a_ledger_that_was_put_back_sends_and_fetches_everything_again(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        first, second = two(tmp_path, served)
        backup = tmp_path / "ledger.backup"
        first.run("backup", str(backup))
        write(first, "D")
        write(second, "E")
        sync(first, second, first)
        first.run("restore", str(backup), "--yes")
        sync(first, second)
        assert messages(first) == messages(second) == 5


def test_a_new_laptop_gets_the_history_and_one_that_leaves_can_drop_the_others(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        first, _ = two(tmp_path, served)
        sync(first)
        new = Home(tmp_path / "new")
        join(new, invite_next(first), "new")
        assert messages(new) == 3
        assert new.call("leave", "--drop", "--yes").code == 0
        assert messages(new) == 0 and not (new.data / "hub.json").exists()
        write(first, "D")
        sync(first)
        assert first.call("leave", "--yes").code == 0
        assert messages(first) == 4


def test_a_laptop_handed_on_need_not_share_what_was_before(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        first = Home(tmp_path / "first")
        write(first, "A", "B")
        join(first, served.invite(), "first", "--history", "none")
        assert stored(served) == 0
        first.write("-home-ada-code-shop/new.jsonl", [records.assistant("N", at=NOW + timedelta(seconds=1), output=5)])
        sync(first)
        assert stored(served) == 1


def test_half_hour_zones_and_clock_changes_give_the_same_days_everywhere(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        first, second = two(tmp_path, served)
        for machine in (first, second):
            machine.write(
                f"-p/{machine.root.name}.jsonl",
                [
                    records.assistant(f"{machine.root.name}{n}", at=f"2026-10-25T0{n}:20:00Z", output=n + 1)
                    for n in range(4)
                ],
            )
        sync(first, second, first)
        for zone in ("Asia/Kolkata", "Europe/Berlin", "Australia/Lord_Howe"):
            for report in ("daily", "hourly"):
                said = [m.call(report, "--json", "--no-ingest", "--timezone", zone).json for m in (first, second)]
                assert said[0]["rows"] == said[1]["rows"]
