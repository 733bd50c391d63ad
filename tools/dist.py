"""Build everything for a release into dist/: sdist, wheels, extension archives, package manager files, checksums, SBOM.

    python tools/dist.py [--repository URL] [--no-install]

The C scanner is cross-compiled with zig (PyPI package ziglang), once per target; it uses the stable ABI of CPython 3.11.
A pure wheel serves every other platform. Each artifact that can run here is installed into an empty environment and
its demo is run. docs/releasing.md describes the release.
"""

import argparse
import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent / "windows"))
import package_managers
import smoke
from package_managers import EPOCH

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
TOOLS = Path(os.environ.get("TACHOGRAPH_BUILD_TOOLS") or Path.home() / ".cache" / "tachograph-build")
SCANNER = ROOT / "src" / "tachograph" / "sources" / "transcripts" / "_scan.c"
PACKAGES = ("build", "twine", "ziglang", "uv")
WINDOWS_PYTHONS = ("3.11", "3.12", "3.13")
NO_REPOSITORY = "https://example.invalid/tachograph"


class Target(NamedTuple):
    """A platform of a wheel: its tag, what zig calls it, the flags of the linker. Several architectures make a fat file."""

    tag: str
    triples: tuple[str, ...]
    flags: tuple[str, ...] = ("-shared",)


TARGETS = (
    Target("cp311-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64", ("x86_64-linux-gnu.2.17",)),
    Target("cp311-abi3-manylinux_2_17_aarch64.manylinux2014_aarch64", ("aarch64-linux-gnu.2.17",)),
    Target("cp311-abi3-musllinux_1_2_x86_64", ("x86_64-linux-musl",)),
    Target("cp311-abi3-musllinux_1_2_aarch64", ("aarch64-linux-musl",)),
    Target(
        "cp311-abi3-macosx_11_0_universal2",
        ("x86_64-macos.11.0", "aarch64-macos.11.0"),
        ("-dynamiclib", "-undefined", "dynamic_lookup"),
    ),
)
WINDOWS_TAG = "cp311-abi3-win_amd64"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Build everything for a release into dist/.")
    parser.add_argument("--repository", default=NO_REPOSITORY, help="address of the repository, for package managers")
    parser.add_argument("--no-install", action="store_true", help="do not install and run the artifacts")
    chosen = parser.parse_args(arguments)
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir()
    python = build_environment()
    uv = python.with_name("uv")
    run(str(python), "-m", "build", "--sdist", "--outdir", str(DIST), str(ROOT))
    wheel(python, {"TACHOGRAPH_PURE": "1"})
    with tempfile.TemporaryDirectory() as scratch:
        for target in TARGETS:
            built = compiled(python, target, Path(scratch) / target.tag)
            wheel(python, {"TACHOGRAPH_WHEEL_TAG": target.tag, "TACHOGRAPH_SCANNER": str(built)})
        has_windows = windows_wheel(python)
        extension_archives()
        if has_windows:
            wheel_file = next(DIST.glob("*-win_amd64.whl"))
            package_managers.windows_folder(DIST, version(), wheel_file, Path(scratch))
        if shutil.which("dpkg-deb"):
            wheel_file = next(DIST.glob("*manylinux2014_x86_64.whl"))
            package_managers.debian_package(DIST, version(), wheel_file, uv, Path(scratch))
        else:
            print("No Debian package: dpkg-deb is missing.")
    run(str(python), "-m", "twine", "check", "--strict", *map(str, [*DIST.glob("*.whl"), *DIST.glob("*.tar.gz")]))
    if not chosen.no_install:
        test_artifacts(uv)
    write_sbom(uv)
    package_managers.write_manifests(DIST, version(), chosen.repository.rstrip("/"))
    print(f"tachograph.rb: {smoke.test_formula(DIST / 'tachograph.rb')}")
    if chosen.repository == NO_REPOSITORY:
        print("The formula and the manifest name no real address: give --repository for a release.")
    write_checksums()
    for path in sorted(DIST.iterdir()):
        print(f"{path.stat().st_size:>10,}  {path.name}")
    return 0


def test_artifacts(uv: Path) -> None:
    """Install and run what this machine can run; print which Pythons each ran on."""
    machine = os.uname().machine
    for kind in ("*.tar.gz", "*py3-none-any.whl", f"*manylinux2014_{machine}.whl"):
        artifact = next(DIST.glob(kind))
        print(f"{artifact.name}: runs on Python {', '.join(smoke.test_installed(artifact, uv))}")
    for package in DIST.glob("*.deb"):
        if subprocess.run(["/usr/bin/python3", "--version"], capture_output=True, text=True).stdout[7:11] == package_managers.DEBIAN_PYTHON:  # fmt: skip
            print(f"{package.name}: {smoke.test_debian(package, TOOLS)}")
    if shutil.which("wine") is None:
        return
    for artifact in DIST.glob("*-win_amd64.whl"):
        print(f"{artifact.name}: runs on Windows' Python {', '.join(smoke.test_windows_wheel(artifact, WINDOWS_PYTHONS))} under Wine")  # fmt: skip
    for artifact in DIST.glob("*-windows-x86_64.zip"):
        smoke.test_windows_folder(artifact)
        print(f"{artifact.name}: runs under Wine")


def version() -> str:
    names = {}
    exec((ROOT / "src" / "tachograph" / "__init__.py").read_text(encoding="utf-8"), names)  # noqa: S102 - ours
    return str(names["__version__"])


# -- wheels ----------------------------------------------------------------------------------------------------


def build_environment() -> Path:
    """An environment with the build tools, kept for the next time; its Python."""
    python = TOOLS / "bin" / "python"
    mark = TOOLS / ".packages"
    if not mark.exists() or mark.read_text() != " ".join(PACKAGES):
        run(sys.executable, "-m", "venv", str(TOOLS))
        run(str(python), "-m", "pip", "--disable-pip-version-check", "-q", "install", *PACKAGES)
        mark.write_text(" ".join(PACKAGES))
    return python


def wheel(python: Path, env: dict[str, str]) -> None:
    run(str(python), "-m", "build", "--wheel", "--outdir", str(DIST), str(ROOT), env=env)


def compiled(python: Path, target: Target, folder: Path) -> Path:
    """The scanner for a target, compiled with zig."""
    headers = folder / "include"
    shutil.copytree(sysconfig.get_path("include"), headers)
    parts = []
    for triple in target.triples:
        part = folder / f"{triple}.so"
        run(str(python), "-m", "ziglang", "cc", "-target", triple, "-O2", "-fPIC", "-fno-sanitize=undefined", "-Wno-macro-redefined", "-s", *target.flags, f"-I{headers}", str(SCANNER), "-o", str(part))  # fmt: skip
        parts.append(part)
    made = folder / "_scan.abi3.so"
    made.write_bytes(parts[0].read_bytes() if len(parts) == 1 else fat_binary([part.read_bytes() for part in parts]))
    return made


def fat_binary(parts: list[bytes]) -> bytes:
    """Mach-O files in one universal file (mach-o/fat.h): a header, then each part at a multiple of 16 KB."""
    alignment = 14
    offset = 1 << alignment
    header, body = struct.pack(">II", 0xCAFEBABE, len(parts)), b""
    for part in parts:
        cpu, subtype = struct.unpack("<4xII", part[:12])
        header += struct.pack(">IIIII", cpu, subtype, offset + len(body), len(part), alignment)
        body += part + b"\0" * (-len(part) % (1 << alignment))
    return header.ljust(offset, b"\0") + body


def windows_wheel(python: Path) -> bool:
    """Build the wheel for Windows x86-64 with mingw-w64, against Windows' own Python; false if they can't be had."""
    import prepare
    import scanner

    try:
        prepare.main()
    except (SystemExit, subprocess.CalledProcessError) as error:
        print(f"Nothing for Windows: {error}")
        return False
    with tempfile.TemporaryDirectory() as scratch:
        built = scanner.build(prepare.PYTHON / "python3.dll", Path(scratch))
        wheel(python, {"TACHOGRAPH_WHEEL_TAG": WINDOWS_TAG, "TACHOGRAPH_SCANNER": str(built)})
    return True


# -- the rest --------------------------------------------------------------------------------------------------


def extension_archives() -> None:
    """Archives for the stores: the extension with the manifest of each family at its top."""
    source = ROOT / "extension"
    for family, manifest in (("chromium", "manifest.json"), ("firefox", "manifest.firefox.json")):
        with zipfile.ZipFile(
            DIST / f"tachograph-extension-{family}-{version()}.zip", "w", zipfile.ZIP_DEFLATED
        ) as archive:
            for path in sorted(source.rglob("*")):
                name = path.relative_to(source).as_posix()
                if path.is_file() and path.suffix != ".svg" and not path.name.startswith("manifest"):
                    archive.writestr(zipfile.ZipInfo(name, EPOCH), path.read_bytes(), zipfile.ZIP_DEFLATED)
            archive.writestr(
                zipfile.ZipInfo("manifest.json", EPOCH), (source / manifest).read_bytes(), zipfile.ZIP_DEFLATED
            )


def write_sbom(uv: Path) -> None:
    """A CycloneDX 1.5 list of what an installation on this machine holds, and of vendored code."""
    pure = next(DIST.glob("*py3-none-any.whl"))
    with tempfile.TemporaryDirectory() as scratch:
        python = Path(scratch) / "bin" / "python"
        run(str(uv), "venv", "-q", "--python", sys.executable, scratch)
        run(str(uv), "pip", "install", "-q", "--python", str(python), str(pure))
        frozen = json.loads(run(str(uv), "pip", "list", "--format", "json", "--python", str(python)))
    parts = [
        {"type": "library", "name": one["name"], "version": one["version"], "purl": f"pkg:pypi/{one['name']}@{one['version']}"}
        for one in frozen
        if one["name"] != "tachograph"
    ]  # fmt: skip
    for path in sorted((ROOT / "src").rglob("vendor.json")):
        vendored = json.loads(path.read_text(encoding="utf-8"))
        found = vendored if isinstance(vendored, list) else [vendored]
        parts += [{"type": "library", "name": one["name"], "version": one["version"]} for one in found]
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": "tachograph", "version": version()}},
        "components": parts,
    }
    (DIST / f"tachograph-{version()}.cdx.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def write_checksums() -> None:
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(DIST.iterdir()) if path.is_file()]  # fmt: skip
    (DIST / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


def run(*command: str, env: dict[str, str] | None = None) -> str:
    """Output of a program; its error output ends this script if it fails."""
    done = subprocess.run(command, env={**os.environ, **(env or {})}, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
