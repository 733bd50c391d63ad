"""Install an artifact into an empty environment and run it in an empty home: its version, its demo, its doctor."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import package_managers

COMMANDS = (["--version", "--verbose"], ["demo", "--no-open", "--days", "5", "daily"], ["doctor"])
OLDEST, NEWEST = 11, 15  # minor versions of Python 3 that are looked for


def pythons() -> dict[str, str]:
    """Interpreters of this machine by version, as 3.11: of pyenv and on the path."""
    found: dict[str, str] = {}
    for minor in range(OLDEST, NEWEST + 1):
        of_pyenv = sorted(Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python3.{minor}"))
        program = str(of_pyenv[-1]) if of_pyenv else shutil.which(f"python3.{minor}")
        if program and subprocess.run([program, "-c", ""], capture_output=True).returncode == 0:
            found[f"3.{minor}"] = program
    return found


def test_installed(artifact: Path, uv: Path) -> list[str]:
    """Test a wheel or sdist on every Python of this machine; versions that ran."""
    with tempfile.TemporaryDirectory() as scratch:
        for version, program in pythons().items():
            python = Path(scratch) / version / "bin" / "python"
            run(str(uv), "venv", "-q", "--python", program, str(python.parents[1]))
            run(str(uv), "pip", "install", "-q", "--python", str(python), str(artifact))
            test_commands([str(python.with_name("tachograph"))], Path(scratch) / f"home-{version}")
    return list(pythons())


def test_debian(package: Path, folder: Path) -> str:
    """Install a Debian package with dpkg into a Debian of its own, run it there and remove it again; needs root and
    debootstrap. Else run its files with this machine's Python. Returns what was done, for people."""
    if os.getuid() or not shutil.which("debootstrap"):
        with tempfile.TemporaryDirectory() as scratch:
            run("dpkg-deb", "--extract", str(package), f"{scratch}/root")
            python = f"{scratch}/root/usr/lib/tachograph/bin/python3"
            test_commands([python, "-P", "-m", "tachograph"], Path(scratch) / "home")
        return f"its files run on Debian's Python {package_managers.DEBIAN_PYTHON}; not installed"
    suite = package_managers.DEBIAN_SUITE
    system = folder / f"debian-{suite}"
    if not (system / "usr" / "bin" / "python3").exists():
        shutil.rmtree(system, ignore_errors=True)
        run(
            "debootstrap",
            "--variant=minbase",
            "--include=python3",
            suite,
            str(system),
            *debian_mirror(),
            env=dict(os.environ),
        )
    shutil.copy(package, system / "root" / package.name)
    inside = ["chroot", str(system), "/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"]
    run(*inside, "dpkg", "--install", f"/root/{package.name}")
    try:
        home = "/root/home"
        shutil.rmtree(system / home[1:], ignore_errors=True)
        (system / home[1:] / "claude").mkdir(parents=True)
        places = [f"HOME={home}", f"TACHOGRAPH_HOME={home}/data", f"CLAUDE_CONFIG_DIR={home}/claude"]
        for arguments in COMMANDS:
            check(arguments, run(*inside, *places, "tachograph", *arguments))
    finally:
        run(*inside, "dpkg", "--purge", "tachograph")
    left = [path for path in ("usr/lib/tachograph", "usr/bin/tachograph") if os.path.lexists(system / path)]
    if left:
        sys.exit(f"dpkg --purge leaves {left}.")
    return f"installed by dpkg into Debian {suite}, run there, and removed"


def debian_mirror() -> list[str]:
    """The mirror that apt uses here, if its sources name one."""
    folder = Path("/etc/apt/sources.list.d")
    for path in (Path("/etc/apt/sources.list"), *sorted(folder.glob("*"))):
        found = re.search(
            r"^(?:deb|URIs:)\s+(?:\[.*?\]\s+)?(https?://\S+)", path.read_text() if path.is_file() else "", re.M
        )
        if found and "security" not in found[1]:
            return [found[1]]
    return []


def test_formula(formula: Path) -> str:
    """Parse the Homebrew formula; returns what was done, for people."""
    if not shutil.which("ruby"):
        return "not parsed, because ruby is missing"
    run("ruby", "-wc", str(formula), env=dict(os.environ))
    return "parsed by ruby, not used by Homebrew"


def test_commands(command: list[str], home: Path) -> None:
    (home / "claude").mkdir(parents=True)
    env = {"HOME": str(home), "TACHOGRAPH_HOME": str(home / "data"), "CLAUDE_CONFIG_DIR": str(home / "claude")}
    for arguments in COMMANDS:
        check(arguments, run(*command, *arguments, env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **env}))


def check(arguments: list[str], text: str) -> None:
    """End this script if an output is not that of the command."""
    wanted = {"--version": "scanner", "demo": "Messages", "doctor": "ledger"}[arguments[0]]
    if wanted.lower() not in text.lower():
        sys.exit(f"{arguments}: no {wanted!r} in:\n{text}")


# -- Windows' Python under Wine ---------------------------------------------------------------------------------


def test_windows_wheel(wheel: Path, versions: tuple[str, ...]) -> list[str]:
    """Test the wheel on Windows' own Pythons under Wine; versions that ran."""
    import prepare

    for version in versions:
        python, site = prepare.CACHE / f"python-{version}", prepare.CACHE / f"site-{version}"
        prepare.unpack_python(python, version)
        prepare.install_dependencies(site, version)
        with tempfile.TemporaryDirectory() as scratch:
            home = Path(scratch) / "python"
            shutil.copytree(python, home)
            prepare.remove_wmi(home)
            with zipfile.ZipFile(wheel) as files:
                files.extractall(Path(scratch) / "app")
            prepare.write_path([prepare.windows_path(Path(scratch) / "app"), prepare.windows_path(site)], home, version)
            test_under_wine([str(home / "python.exe"), "-m", "tachograph"], Path(scratch) / "home")
    return list(versions)


def test_windows_folder(archive: Path) -> None:
    """Unpack the zip for Windows and run its tachograph.exe under Wine, away from where it was made."""
    import prepare

    with tempfile.TemporaryDirectory() as scratch:
        with zipfile.ZipFile(archive) as files:
            files.extractall(Path(scratch) / "Program Files")
        folder = Path(scratch) / "Program Files" / "tachograph"
        prepare.remove_wmi(folder)
        test_under_wine([str(folder / "tachograph.exe")], Path(scratch) / "home")


def test_under_wine(command: list[str], home: Path) -> None:
    import prepare

    (home / "claude").mkdir(parents=True)
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(Path.home()),
        "WINEPREFIX": str(prepare.PREFIX),
        "WINEDEBUG": "-all",
        "WINEDLLOVERRIDES": "mscoree,mshtml=",
        "PYTHONUTF8": "1",
        "USERPROFILE": prepare.windows_path(home),
        "TACHOGRAPH_HOME": prepare.windows_path(home / "data"),
        "CLAUDE_CONFIG_DIR": prepare.windows_path(home / "claude"),
    }
    with prepare.exclusive():
        for arguments in COMMANDS:
            check(arguments, run("wine", *command, *arguments, env=env))


def run(*command: str, env: dict[str, str] | None = None) -> str:
    """Output of a program; its error output ends this script if it fails. Streams are pipes, as Wine needs them."""
    done = subprocess.run(
        command, env=env, input="", capture_output=True, text=True, encoding="utf-8", errors="replace"
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout
