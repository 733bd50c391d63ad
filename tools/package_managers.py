"""Files for package managers, generated from the artifacts of a release: Homebrew, winget, Debian, and a folder for Windows.

tools/dist.py calls these. What has been tried of them is in docs/releasing.md.
"""

import hashlib
import os
import shutil
import subprocess
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EPOCH = (1980, 1, 1, 0, 0, 0)  # of files in archives, so that equal sources give equal archives
DEBIAN_SUITE, DEBIAN_PYTHON = "bookworm", "3.11"  # Debian 12, for which the package is built
# people can't write into the package's folder, so without compiled modules every command would compile its own
DEBIAN_SCRIPTS = {
    "postinst": "/usr/lib/tachograph/bin/python3 -P -m compileall -q /usr/lib/tachograph/lib",
    "prerm": "find /usr/lib/tachograph -depth -name __pycache__ -exec rm -r {} +",
}
WINDOWS_PYTHON = "3.13"


def project() -> dict[str, str]:
    """Summary and license, from pyproject.toml."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {"summary": table["description"].rstrip("."), "license": table["license"], "author": table["authors"][0]["name"]}  # fmt: skip


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_manifests(folder: Path, version: str, repository: str) -> None:
    """Write the Homebrew formula and the winget manifest beside the artifacts, whose addresses they name."""
    release = f"{repository}/releases/download/v{version}"
    sdist = next(folder.glob("tachograph-*.tar.gz"))
    text = formula(repository, f"{release}/{sdist.name}", digest(sdist))
    (folder / "tachograph.rb").write_text(text, encoding="utf-8")
    for archive in folder.glob("tachograph-*-windows-x86_64.zip"):
        into = folder / "winget"
        into.mkdir(exist_ok=True)
        for name, text in winget(repository, version, f"{release}/{archive.name}", digest(archive)).items():
            (into / name).write_text(text, encoding="utf-8")


def formula(repository: str, url: str, sha256: str) -> str:
    """A Homebrew formula that installs the sdist into an environment of its own."""
    about = project()
    return f'''class Tachograph < Formula
  desc "{about["summary"]}"
  homepage "{repository}"
  url "{url}"
  sha256 "{sha256}"
  license "{about["license"]}"

  depends_on "python@3.13"

  def install
    system "python3.13", "-m", "venv", libexec
    system libexec/"bin/python", "-m", "pip", "install", buildpath
    bin.install_symlink libexec/"bin/tachograph", libexec/"bin/tacho"
  end

  test do
    assert_match version.to_s, shell_output("#{{bin}}/tachograph --version")
  end
end
'''


def winget(repository: str, version: str, url: str, sha256: str) -> dict[str, str]:
    """A winget manifest in three files (schema 1.10.0) for the folder with its own Python."""
    about = project()
    head = f"PackageIdentifier: Tachograph.Tachograph\nPackageVersion: {version}\n"
    tail = "ManifestVersion: 1.10.0\n"  # the first with ArchiveBinariesDependOnPath
    return {
        "Tachograph.Tachograph.yaml": f"{head}DefaultLocale: en-US\nManifestType: version\n{tail}",
        "Tachograph.Tachograph.installer.yaml": f"""{head}InstallerType: zip
NestedInstallerType: portable
NestedInstallerFiles:
- RelativeFilePath: tachograph\\tachograph.exe
  PortableCommandAlias: tachograph
ArchiveBinariesDependOnPath: true
Installers:
- Architecture: x64
  InstallerUrl: {url}
  InstallerSha256: {sha256.upper()}
ManifestType: installer
{tail}""",
        "Tachograph.Tachograph.locale.en-US.yaml": f"""{head}PackageLocale: en-US
Publisher: {about["author"]}
PackageName: Tachograph
PackageUrl: {repository}
License: {about["license"]}
ShortDescription: {about["summary"]}
ManifestType: defaultLocale
{tail}""",
    }


def debian_package(folder: Path, version: str, wheel: Path, uv: Path, scratch: Path) -> Path:
    """A package for Debian 12 on amd64: an environment in /usr/lib/tachograph with everything but Python itself."""
    root, home = scratch / "deb", scratch / "deb" / "usr" / "lib" / "tachograph"
    site = home / "lib" / f"python{DEBIAN_PYTHON}" / "site-packages"
    command = [
        str(uv),
        "pip",
        "install",
        "-q",
        "--python-platform",
        "x86_64-manylinux2014",
        "--python-version",
        DEBIAN_PYTHON,
    ]
    subprocess.run([*command, "--only-binary", ":all:", "--target", str(site), str(wheel)], check=True)
    shutil.rmtree(site / "bin", ignore_errors=True)
    (site / ".lock").unlink(missing_ok=True)
    (home / "bin").mkdir()
    (home / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n")
    (home / "bin" / "python3").symlink_to("/usr/bin/python3")
    (root / "usr" / "bin").mkdir()
    for name in ("tachograph", "tacho"):
        program = home / "bin" / name
        program.write_text(
            f"#!/usr/lib/tachograph/bin/python3\n{(ROOT / 'bin' / name).read_text().partition(chr(10))[2]}"
        )
        program.chmod(0o755)
        (root / "usr" / "bin" / name).symlink_to(f"../lib/tachograph/bin/{name}")
    about = project()
    documents = root / "usr" / "share" / "doc" / "tachograph"
    documents.mkdir(parents=True)
    shutil.copy(ROOT / "LICENSE", documents / "copyright")
    following = f"3.{int(DEBIAN_PYTHON.partition('.')[2]) + 1}"
    size = sum(path.stat().st_size for path in home.rglob("*") if path.is_file()) // 1024
    (root / "DEBIAN").mkdir()
    (root / "DEBIAN" / "control").write_text(
        f"Package: tachograph\nVersion: {version}\nArchitecture: amd64\nSection: utils\nPriority: optional\n"
        f"Maintainer: {about['author']} <tachograph@example.invalid>\nInstalled-Size: {size}\n"
        f"Depends: python3 (>= {DEBIAN_PYTHON}), python3 (<< {following})\nDescription: {about['summary']}\n"
    )
    for name, action in DEBIAN_SCRIPTS.items():
        script = root / "DEBIAN" / name
        script.write_text(f"#!/bin/sh\nset -e\n{action}\n")
        script.chmod(0o755)
    package = folder / f"tachograph_{version}_amd64.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zxz", "--build", str(root), str(package)], check=True, stdout=subprocess.DEVNULL, env={**os.environ, "SOURCE_DATE_EPOCH": "315532800"})  # fmt: skip
    return package


def windows_folder(folder: Path, version: str, wheel: Path, scratch: Path) -> Path:
    """A zip for Windows with CPython, dependencies and tachograph.exe; it runs from any folder."""
    import prepare

    home = scratch / "tachograph"
    shutil.copytree(prepare.PYTHON, home, ignore=shutil.ignore_patterns("Scripts", "*._pth", "__pycache__"))
    original = prepare.CACHE / f"python-{WINDOWS_PYTHON}"
    prepare.unpack_python(original, WINDOWS_PYTHON)
    shutil.copy(original / "_wmi.pyd", home)
    shutil.copytree(
        prepare.SITE, home / "site", ignore=shutil.ignore_patterns("__pycache__", "bin", ".requirements", ".lock")
    )
    with zipfile.ZipFile(wheel) as files:
        files.extractall(home / "site")
    prepare.write_path(["site"], home, WINDOWS_PYTHON)
    for name, entry in prepare.entry_points(home / "site").items():
        prepare.write_launcher(home / f"{name}.exe", "<launcher_dir>\\python.exe", entry)
    target = folder / f"tachograph-{version}-windows-x86_64.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(home.rglob("*")):
            if path.is_file():
                name = path.relative_to(scratch).as_posix()
                archive.writestr(zipfile.ZipInfo(name, EPOCH), path.read_bytes(), zipfile.ZIP_DEFLATED)
    return target
