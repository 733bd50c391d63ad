"""Dependencies: a lock with hashes for development, the lowest allowed versions, and the licenses of vendored files."""

import hashlib
import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
VENDOR = ROOT / "src/tachograph/ui/dashboard/static/vendor"
LICENSES = {"MIT", "0BSD", "BSD-2-Clause", "BSD-3-Clause", "ISC", "Apache-2.0"}  # that an MIT program may ship


def name_of(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found is not None, requirement
    return found[0].lower().replace("_", "-").replace(".", "-")


def locked(file: str) -> dict[str, str]:
    """Versions by package."""
    text = (ROOT / "requirements" / file).read_text(encoding="utf-8")
    return {
        name_of(name): version
        for name, version in re.findall(r"^([\w.-]+)(?:\[.*\])?==([^\s;\\]+)", text, re.MULTILINE)
    }


def test_the_lock_holds_every_dependency_with_hashes_and_no_address() -> None:
    text = (ROOT / "requirements/dev.lock").read_text(encoding="utf-8")
    extras = [requirement for group in PROJECT["optional-dependencies"].values() for requirement in group]
    missing = {name_of(requirement) for requirement in (*PROJECT["dependencies"], *extras)} - locked("dev.lock").keys()
    assert not missing, "run tools/lock.py"
    assert "://" not in text and "--index" not in text and "--find-links" not in text
    entries = re.split(r"\n(?=[a-z])", text.split("\n", 1)[1])
    assert len(entries) > 40
    for entry in entries:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry.split("\n")[0]


@pytest.mark.parametrize("requirement", PROJECT["dependencies"])
def test_every_dependency_has_a_lowest_and_a_highest_version_and_the_lowest_is_tested(requirement: str) -> None:
    lowest = re.search(r">=([0-9.]+)", requirement)
    assert lowest is not None
    assert re.search(r",<[0-9]+", requirement) or name_of(requirement) == "tzdata"  # data, by the year
    version = locked("lowest.txt")[name_of(requirement)]
    assert version == lowest[1] or version.removesuffix(".0").startswith(lowest[1].removesuffix(".0"))


def test_every_vendored_file_is_listed_with_its_license_and_checksum() -> None:
    listed = json.loads((VENDOR / "vendor.json").read_text(encoding="utf-8"))
    named = {"vendor.json"}
    for package in listed:
        assert package["licence"] in LICENSES, package["name"]
        text = (VENDOR / package["licence_file"]).read_text(encoding="utf-8")
        assert "Permission" in text and "WARRANT" in text.upper()  # the license itself, as its terms ask
        named |= {package["licence_file"], *package["files"]}
        for name, digest in package["files"].items():
            assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == digest, name
    assert {str(path.relative_to(VENDOR)).replace("\\", "/") for path in VENDOR.rglob("*") if path.is_file()} == named
