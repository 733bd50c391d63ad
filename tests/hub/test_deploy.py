"""The files in `deploy/` fit systemd and the installed command."""

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from helpers import command
from tachograph.ui.cli.parser import parsed

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"


def test_systemd_finds_no_fault_in_the_unit(tmp_path: Path) -> None:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("systemd-analyze is missing")
    text = (DEPLOY / "tachograph-hub.service").read_text()
    unit = tmp_path / "tachograph-hub.service"
    unit.write_text(text.replace("/usr/local/bin/tachograph", str(command())).replace("User=tachograph", "User=root"))
    done = subprocess.run(
        [tool, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, "SYSTEMD_LOG_TARGET": "console"},
    )  # fmt: skip
    about_us = [line for line in (done.stdout + done.stderr).splitlines() if "tachograph-hub" in line]
    assert about_us == [], done.stderr


def test_commands_of_the_unit_and_the_container_are_understood() -> None:
    unit = re.search(r"^ExecStart=\S+ (.+)$", (DEPLOY / "tachograph-hub.service").read_text(), re.M)
    container = re.search(r"tachograph hub serve[^\"\]]*", (DEPLOY / "Containerfile").read_text().replace('", "', " "))
    assert unit and container
    for words in (unit[1].split(), container[0].split()[1:]):
        found = parsed([word.replace("${HUB_PUBLIC}", "https://tacho.example") for word in words])
        assert (found.command, found.what) == ("hub", "serve")


def test_variables_of_the_files_are_those_that_the_hub_reads() -> None:
    source = "".join(path.read_text() for path in (ROOT / "src" / "tachograph").rglob("*.py"))
    for file in ("tachograph-hub.service", "compose.yaml", "Containerfile"):
        for name in re.findall(r"TACHOGRAPH_[A-Z_]+", (DEPLOY / file).read_text()):
            assert f'"{name}"' in source, (file, name)


# keys of the Compose Specification that a hub may need
_SERVICE = {
    "image", "build", "command", "entrypoint", "environment", "env_file", "volumes", "ports", "healthcheck", "restart",
    "depends_on", "user", "read_only", "tmpfs", "secrets", "networks", "stop_grace_period", "init", "cap_drop", "security_opt",
}  # fmt: skip
_HEALTH = {"test", "interval", "timeout", "retries", "start_period", "start_interval", "disable"}
_CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}
_TOKEN = re.compile(r'\s*(?:"([^"]*)"|([\[\]{},:])(?=\s|$|["\[\]{},])|((?:[^\s\[\]{},:"]|:(?!\s)|\$\{[^}]*\})+))')


def flow(text: str) -> Any:
    """A value of YAML on one line: a list, a mapping or a text."""
    if text[:1] not in ("[", "{"):
        return text.strip('"')
    tokens = [
        found.group(1) if found.group(1) is not None else found.group(0).strip() for found in _TOKEN.finditer(text)
    ]
    kinds = [bool(found.group(2)) for found in _TOKEN.finditer(text)]

    def value(place: int) -> tuple[Any, int]:
        if not kinds[place]:
            return tokens[place], place + 1
        if tokens[place] == "[":
            items, place = [], place + 1
            while tokens[place] != "]" or not kinds[place]:
                item, place = value(place)
                items.append(item)
                place += tokens[place] == ","
            return items, place + 1
        pairs, place = {}, place + 1
        while tokens[place] != "}" or not kinds[place]:
            assert tokens[place + 1] == ":", tokens
            pairs[tokens[place]], after = value(place + 2)
            place = after + (tokens[after] == ",")
        return pairs, place + 1

    found, end = value(0)
    assert end == len(tokens), text
    return found


def read_yaml(text: str) -> dict[str, Any]:
    """Nested mappings by two spaces, with lists, mappings and texts on one line: all that our file has."""
    root: dict[str, Any] = {}
    above = [root]
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        depth = (len(line) - len(line.lstrip())) // 2
        key, colon, rest = line.strip().partition(":")
        assert colon and depth < len(above) and key not in above[depth], line
        del above[depth + 1 :]
        if rest.strip():
            above[depth][key] = flow(rest.strip())
        else:
            above[depth][key] = {}
            above.append(above[depth][key])
    return root


def test_the_reader_of_yaml_reads_what_our_file_has() -> None:
    assert read_yaml('a:\n  b: ["x:1", y]\n  c: { d: { e: f }, g: {} }\n# no\nh: ${I:?set it in .env}\n') == {
        "a": {"b": ["x:1", "y"], "c": {"d": {"e": "f"}, "g": {}}}, "h": "${I:?set it in .env}",
    }  # fmt: skip


def test_the_compose_file_is_one_that_the_specification_allows() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    document = read_yaml(text)
    assert document.keys() <= {"name", "services", "volumes", "networks", "secrets", "configs"}
    services, volumes = document["services"], document["volumes"]
    used = set()
    for name, service in services.items():
        assert service.keys() <= _SERVICE and ("image" in service) != ("build" in service), name
        assert service["restart"] in ("no", "always", "on-failure", "unless-stopped")
        for other, condition in service.get("depends_on", {}).items():
            assert other in services and condition.keys() <= {"condition", "restart", "required"}
            assert condition["condition"] in _CONDITIONS
            if condition["condition"] == "service_healthy":
                health = services[other]["healthcheck"]
                assert health.keys() <= _HEALTH and health["test"][0] in ("CMD", "CMD-SHELL")
                assert re.fullmatch(r"\d+(ms|s|m|h)", health["interval"])
        for volume in service.get("volumes", ()):
            source, target = volume.split(":")
            assert source in volumes and target.startswith("/"), volume
            used.add(source)
        for port in service.get("ports", ()):
            assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port), port  # a proxy with TLS is before it
    assert used == set(volumes)
    container = (DEPLOY / "Containerfile").read_text()
    build = services["hub"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).resolve() == DEPLOY / "Containerfile"
    for volume in services["hub"]["volumes"]:
        assert f"VOLUME {volume.partition(':')[2]}" in container
    for port in services["hub"]["ports"]:
        inner = port.rpartition(":")[2]
        assert f"EXPOSE {inner}" in container and f":{inner}" in container.rpartition("CMD")[2]
    address = re.fullmatch(r"postgresql://(\w+)@(\w+)/(\w+)", services["hub"]["environment"]["TACHOGRAPH_HUB_DB"])
    assert address is not None and address[2] in services
    database = services[address[2]]["environment"]
    assert (database["POSTGRES_USER"], database["POSTGRES_DB"]) == (address[1], address[3])
    assert "POSTGRES_PASSWORD" in database["POSTGRES_PASSWORD"] and "PGPASSWORD" in services["hub"]["environment"]
    if (
        importlib.util.find_spec("compose_spec") is not None
    ):  # a full reader of the specification, where it is installed
        import compose_spec  # type: ignore[import-not-found, unused-ignore]

        compose_spec.PyCompose.from_yaml(text).validate()
