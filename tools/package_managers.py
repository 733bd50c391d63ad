"""A Homebrew formula, generated from the artifacts of a release.

tools/dist.py calls `write` once the address of the repository is known. The formula has not been used yet.
"""

import hashlib
from pathlib import Path

LICENSE = "MIT"
SUMMARY = "How much of your Claude plan is used, and where it went"


def write(folder: Path, version: str, repository: str) -> None:
    """Write the formula beside the artifacts."""
    release = f"{repository}/releases/download/v{version}"
    sdist = next(folder.glob("*.tar.gz"))
    (folder / "tachograph.rb").write_text(
        formula(repository, f"{release}/{sdist.name}", digest(sdist)), encoding="utf-8"
    )


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def formula(repository: str, url: str, sha256: str) -> str:
    """A Homebrew formula that installs the sdist into an environment of its own."""
    return f'''class Tachograph < Formula
  desc "{SUMMARY}"
  homepage "{repository}"
  url "{url}"
  sha256 "{sha256}"
  license "{LICENSE}"

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
