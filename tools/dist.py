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
import tomllib
import zipfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
TOOLS = Path(os.environ.get("TACHOGRAPH_BUILD_TOOLS") or Path.home() / ".cache" / "tachograph-build")
SCANNER = ROOT / "src" / "tachograph" / "sources" / "transcripts" / "_scan.c"
PACKAGES = ("build", "twine", "ziglang")
EPOCH = (1980, 1, 1, 0, 0, 0)  # of files in archives, so that equal sources give equal archives

sys.path[:0] = [str(ROOT / "tools" / "windows"), str(ROOT / "tools")]


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
    parser.add_argument("--repository", help="address of the published repository, for package managers")
    parser.add_argument("--no-install", action="store_true", help="do not install and run the artifacts")
    chosen = parser.parse_args(arguments)
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir()
    python = build_environment()
    run(str(python), "-m", "build", "--sdist", "--outdir", str(DIST), str(ROOT))
    wheel(python, {"TACHOGRAPH_PURE": "1"})
    with tempfile.TemporaryDirectory() as scratch:
        for target in TARGETS:
            built = compiled(python, target, Path(scratch) / target.tag)
            wheel(python, {"TACHOGRAPH_WHEEL_TAG": target.tag, "TACHOGRAPH_SCANNER": str(built)})
    windows_wheel(python)
    extension_archives()
    run(str(python), "-m", "twine", "check", "--strict", *map(str, [*DIST.glob("*.whl"), *DIST.glob("*.tar.gz")]))
    if not chosen.no_install:
        for artifact in runnable():
            smoke_test(artifact)
    write_sbom()
    write_checksums()
    if chosen.repository:
        import package_managers

        package_managers.write(DIST, version(), chosen.repository.rstrip("/"))
    else:
        print("No --repository: the Homebrew formula needs the address of a release.")
    for path in sorted(DIST.iterdir()):
        print(f"{path.stat().st_size:>9,}  {path.name}")
    return 0


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


def windows_wheel(python: Path) -> None:
    """The wheel for Windows x86-64, if mingw-w64 and Windows' Python are here (tools/windows/prepare.py)."""
    import prepare
    import scanner

    library = prepare.PYTHON / "python3.dll"
    if not scanner.has_compiler() or not library.exists():
        print("No wheel for Windows: run python tools/windows/prepare.py first.")
        return
    with tempfile.TemporaryDirectory() as scratch:
        built = scanner.build(library, Path(scratch))
        wheel(python, {"TACHOGRAPH_WHEEL_TAG": WINDOWS_TAG, "TACHOGRAPH_SCANNER": str(built)})


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


def runnable() -> list[Path]:
    """Artifacts that this machine can run: the sdist, the pure wheel, the wheel of this architecture and C library."""
    machine = os.uname().machine
    wheels = [
        path for path in DIST.glob("*.whl") if "py3-none-any" in path.name or f"manylinux2014_{machine}" in path.name
    ]
    return [*wheels, *DIST.glob("*.tar.gz")]


def smoke_test(artifact: Path) -> None:
    """Install an artifact into an empty environment, and run its version, demo and doctor in an empty home."""
    with tempfile.TemporaryDirectory() as scratch:
        python = Path(scratch) / "env" / "bin" / "python"
        run(sys.executable, "-m", "venv", str(Path(scratch) / "env"))
        run(str(python), "-m", "pip", "--disable-pip-version-check", "-q", "install", str(artifact))
        (Path(scratch) / "claude").mkdir()
        home = {"HOME": scratch, "TACHOGRAPH_HOME": f"{scratch}/data", "CLAUDE_CONFIG_DIR": f"{scratch}/claude"}
        command = str(python.with_name("tachograph"))
        for arguments in (["--version", "--verbose"], ["demo", "--no-open", "--days", "5", "daily"], ["doctor"]):
            text = run(command, *arguments, env=home)
            if arguments[0] == "--version":
                scanner_line = next(line for line in text.splitlines() if "scanner" in line)
                print(f"{artifact.name}: runs;{scanner_line}")


def write_sbom() -> None:
    """A CycloneDX 1.5 list of the direct dependencies, as declared, and of vendored code."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    parts = [{"type": "library", "name": one.split(">")[0].split("=")[0].split(";")[0].strip(), "description": one} for one in project["dependencies"]]  # fmt: skip
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
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(DIST.iterdir())]
    (DIST / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


def run(*command: str, env: dict[str, str] | None = None) -> str:
    """Output of a program; its error output ends this script if it fails."""
    done = subprocess.run(command, env={**os.environ, **(env or {})}, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
