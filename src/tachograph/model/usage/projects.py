"""Folders and their projects (accounting rule 7): comparing folders, worktrees of known tools, aliases.

The project of a message is the repository that its working directory lies in. All of it is resolved from everything that
the ledger knows, so the order in which transcripts are read changes nothing, and an alias applies to the whole history.
"""

from __future__ import annotations

from tachograph.lean_re import late_pattern
from tachograph.lean_typing import Iterable, Iterator, Mapping, NamedTuple

# Worktrees inside the repository, or beside it: what comes before the mark is the repository's folder.
_INSIDE = ("/.claude/worktrees/", "/.git/worktrees/", "/.worktrees/", "/.conductor/")
_BESIDE = late_pattern(r"(.*/[^/]+?)[-.]worktrees/[^/]")
# Worktrees that a tool keeps in a folder of its own: the path gives only the last name of the repository.
_ELSEWHERE = tuple(
    late_pattern(pattern)
    for pattern in (
        r"/\.claude-worktrees/([^/]+)/[^/]",  # Claude Code's app
        r"/\.t3/worktrees/([^/]+)/[^/]",  # T3 Code
        r"/\.codex/worktrees/[^/]+/([^/]+)",  # Codex
        r"/conductor/(?:workspaces|worktrees)/([^/]+)/[^/]",  # Conductor
        r"/\.?superset/worktrees/([^/]+)/[^/]",  # Superset
        r"/\.cursor/worktrees/([^/]+)/[^/]",  # Cursor
        r"/\.?orca/(?:workspaces|worktrees)/([^/]+)/[^/]",  # Orca
        r"/vibe-kanban/worktrees/[^/]+/([^/]+)",  # Vibe Kanban
    )
)
_WORDS = ("worktrees", "workspaces")  # in the path of any worktree beside its repository or elsewhere
_SUFFIX = " (worktree)"
_MAC_FOLDERS = ("/Users/", "/Volumes/", "/private/tmp", "/private/var/")
_WSL_HOSTS = ("wsl.localhost", "wsl$")


class Worktree(NamedTuple):
    """A worktree's repository: its folder where the path shows it, else ("") only its last name."""

    folder: str
    name: str


def folder_key(path: str) -> str:
    """A folder as comparable text: two spellings of one folder have the same.

    Separators are slashes, none at the end. Letter case folds where the disk takes it for the same: on Windows and macOS.
    Paths of macOS are NFC, since its disks take composed and decomposed letters for the same, too, and `/private/tmp` is
    `/tmp`. WSL's two host names are one.

    >>> folder_key("C:\\\\Code\\\\shop\\\\") == folder_key("c:/code/shop")
    True
    """
    key = tidy_folder(path)
    if key[1:2] == ":" and key[0].isalpha():
        key = key.lower()
    elif key.startswith("//"):
        host, _, rest = key[2:].partition("/")
        share, slash, below = rest.partition("/")
        is_linux = host.lower() in _WSL_HOSTS
        key = f"//{_WSL_HOSTS[0]}/{share.lower()}{slash}{below}" if is_linux else key.lower()
    elif key.startswith(_MAC_FOLDERS):
        if not key.isascii():
            from unicodedata import normalize  # rarely needed, and not free

            key = normalize("NFC", key)
        key = key.removeprefix("/private").lower()
    return key


def tidy_folder(path: str) -> str:
    """A folder's path with slashes, each once, and none at the end; `//?/` and `/./` go."""
    tidy = path.replace("\\", "/") if "\\" in path else path
    if tidy.startswith(("//?/", "//./")):
        tidy = tidy[4:]
        tidy = "//" + tidy[4:] if tidy[:4].upper() == "UNC/" else tidy
    while "//" in tidy[1:]:
        tidy = tidy[:1] + tidy[1:].replace("//", "/")
    while "/./" in tidy:
        tidy = tidy.replace("/./", "/")
    tidy = tidy.removesuffix("/.")
    return (tidy.rstrip("/") or "/") if len(tidy) > 1 else tidy


def is_same_folder(a: str, b: str) -> bool:
    """Compare two folders, however they are spelled."""
    return a == b or folder_key(a) == folder_key(b)


def is_inside(key: str, folder: str) -> bool:
    """Test whether a folder is another one or lies below it; both as `folder_key` gives them."""
    return key == folder or key.startswith(folder if folder.endswith("/") else folder + "/")


def worktree(key: str) -> Worktree | None:
    """Repository of a worktree by the layouts of known tools; None where the path shows none."""
    for mark in _INSIDE:
        cut = key.find(mark)
        if cut > 0:
            return Worktree(key[:cut], key[:cut].rpartition("/")[2])
    if not any(word in key for word in _WORDS):
        return None
    for pattern in _ELSEWHERE:
        if (match := pattern.search(key + "/-")) and match[1] != "-":
            return Worktree("", match[1])
    if match := _BESIDE.match(key):
        return Worktree(match[1], match[1].rpartition("/")[2])
    return None


def is_home(key: str) -> bool:
    """Test whether a folder is a home or lies above one: nothing below it belongs to it."""
    if key in ("", "/", "/root"):
        return key != ""
    first, *rest = key.split("/")
    if len(first) == 2 and "a" <= first[0] <= "z" and first[1] == ":":
        parents = ["users"]
    elif first == "":
        parents = ["home", "users"]
    else:
        return False
    return not rest or (rest[0] in parents and (len(rest) == 1 or (len(rest) == 2 and rest[1] != "")))


class Projects:
    """Resolves folders to projects, given the folders where sessions began inside a repository, and aliases.

    `begun` are folders where some session began with a branch; `folders` all that are known; `aliases` maps a folder
    prefix (or the name of a project without a folder) to the name of a project. `entered` are folders with a
    branch in which none began: they hold what lies below them only where no repository is known.
    """

    def __init__(
        self, begun: Iterable[str], folders: Iterable[str], aliases: Mapping[str, str], entered: Iterable[str] = ()
    ) -> None:
        self._spellings: dict[str, str] = {}  # key: its smallest spelling
        self._repositories: set[str] = set()
        plain: set[str] = set()
        for path in folders:
            key = self._note(path)
            if worktree(key) is None:
                plain.add(key)
        for path in begun:
            key = self._note(path)
            tree = worktree(key)
            if tree is None:
                self._repositories.add(key)
            elif tree.folder:
                self._repositories.add(tree.folder)
        moved_to = {self._note(path) for path in entered}
        self._entered = {key for key in moved_to if worktree(key) is None and not is_home(key)}
        self._aliases = {folder_key(prefix): name for prefix, name in aliases.items()}
        self._unclaimed = {key for key in plain if self._repository_of(key) is None and not is_home(key)}
        others = {self._root_of(key) for key in plain}
        self._by_name = (_by_last_name(self._repositories), _by_last_name(others))
        unnamed = [{key for key in keys if self._alias(key) is None} for keys in (self._repositories, others)]
        self._unnamed_by_name = (_by_last_name(unnamed[0]), _by_last_name(unnamed[1]))

    def _note(self, path: str) -> str:
        key = folder_key(path)
        tidy = tidy_folder(path)
        spelled = path.rstrip("/\\") if tidy == path.replace("\\", "/").rstrip("/") else tidy
        known = self._spellings.get(key)
        if known is None or spelled < known:
            self._spellings[key] = spelled
        return key

    def project(self, path: str) -> str:
        """The project of a folder: the path of its repository, or a name; "" for no folder."""
        if not path:
            return ""
        key = folder_key(path)
        alias = self._alias(key)
        if alias is None:
            own = self._own(key)
            alias = self._alias(own)
            if alias is None:
                return self._spelled(own)
        return self._named(alias)

    def _own(self, key: str) -> str:
        """The key of a folder's project, aliases aside."""
        tree = worktree(key)
        if tree is None:
            return self._root_of(key)
        if tree.folder:
            return self._repository_of(tree.folder) or tree.folder
        return _only(self._by_name, tree.name) or tree.name + _SUFFIX

    def _root_of(self, key: str) -> str:
        """The known repository that a folder lies in, else the uppermost folder with a branch, else itself."""
        known = self._repository_of(key)
        if known is None and self._entered:
            known = min(filter(self._entered.__contains__, _with_parents(key)), key=len, default=None)
        return known or key

    def unclaimed_above(self) -> set[str]:
        """Folders in no known repository that others lie below: repositories, if there is a branch in them."""
        found: set[str] = set()
        for key in self._unclaimed:
            found.update(above for above in _with_parents(key.rpartition("/")[0]) if above in self._unclaimed)
        return found

    def _repository_of(self, key: str) -> str | None:
        """The deepest known repository that a folder lies in."""
        at = key
        while at:
            if at in self._repositories:
                return at
            cut = at.rfind("/")
            if cut <= 0:
                return "/" if cut == 0 and at != "/" and "/" in self._repositories else None
            at = at[:cut]
        return None

    def _alias(self, key: str) -> str | None:
        """The alias with the longest prefix of a folder."""
        if not self._aliases:
            return None
        fitting = [prefix for prefix in self._aliases if is_inside(key, prefix)]
        return self._aliases[max(fitting, key=len)] if fitting else None

    def _named(self, name: str) -> str:
        """The project that an alias names: a known one where one has that path or last name, else one of that name."""
        key = folder_key(name)
        if key in self._repositories or key in self._spellings:
            return self._spelled(key)
        only = _only(self._unnamed_by_name, name) if "/" not in key else None
        return name if only is None else self._spelled(only)

    def _spelled(self, own: str) -> str:
        """A project's key as its folder is spelled: the same spelling for all folders of the project."""
        known = self._spellings.get(own)
        if known is not None or "/" not in own:
            return known or own
        spelled = (
            text[: len(own)] for key, text in self._spellings.items() if len(text) == len(key) and is_inside(key, own)
        )
        return min(spelled, default=own)


def _with_parents(key: str) -> Iterator[str]:
    while key:
        yield key
        key = key.rpartition("/")[0]


def _only(named: tuple[dict[str, set[str]], ...], name: str) -> str | None:
    """The one project with a last name, of repositories or else of other folders; None if there are several."""
    for known in named:
        if keys := known.get(name.lower()):
            return next(iter(keys)) if len(keys) == 1 else None
    return None


def _by_last_name(keys: Iterable[str]) -> dict[str, set[str]]:
    named: dict[str, set[str]] = {}
    for key in keys:
        named.setdefault(key.rpartition("/")[2].lower(), set()).add(key)
    return named
