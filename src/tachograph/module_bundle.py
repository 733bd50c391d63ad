"""The compiled modules of a short command in one file: looking for each of them takes longer than running it.

For every module Python looks through the folders of a path, lists them, and opens a compiled file (`.pyc`). A command
keeps the compiled code of all modules of ours that it loaded in one file in `__pycache__`, where its next run finds them.
As with a `.pyc`, that counts only while a source is the same, here by inode, size and both times; what is missing is
imported as usual and added. Where Python may not write compiled files, none is written here either.
"""

from __future__ import annotations

import _thread
import marshal
import os
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import MAGIC_NUMBER, SourceFileLoader, cache_from_source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType, ModuleType

    # path below our folder, its marks, is it a package; place and size of its code, or the code
    _Entry = tuple[str, tuple[int, ...], bool, int, int]
    _Module = tuple[str, tuple[int, ...], bool, bytes]

# Commands that people and programs wait for, by the file that they share.
_REPORTS = ("daily", "weekly", "monthly", "hourly", "sessions", "projects", "models", "branches", "prs", "windows")
_ESTIMATES = ("why", "forecast", "next", "what-if", "reconcile")
_SHORT = {
    **{name: name for name in ("statusline", "now", "guard", "limits", "status")},
    **dict.fromkeys(_REPORTS, "reports"),
    **dict.fromkeys(_ESTIMATES, "estimates"),
}
_FOLDER = os.path.dirname(__file__)
_OURS = "tachograph."
_SIZES = 20  # bytes: two numbers, in figures
_FORMAT = b"tachograph modules 1 %s %s\n" % (MAGIC_NUMBER.hex().encode(), ascii(_FOLDER).encode())


class _Loader(SourceFileLoader):
    """The loader that Python would use, with code that was read already."""

    def __init__(self, name: str, path: str, code: bytes) -> None:
        super().__init__(name, path)
        self._data = code

    def get_code(self, fullname: str) -> CodeType | None:
        data, self._data = self._data, b""  # asked for once, but by debuggers
        if not data:
            return super().get_code(fullname)
        code: CodeType = marshal.loads(data)  # noqa: S302 - as much ours as the .pyc files beside it
        return code


class Bundle:
    """Finds modules of ours among those that a command used before, and remembers which are missing there."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file = _File(path)
        self._entries = self._file.index()
        self._missing: list[str] = []

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """As of any finder on `sys.meta_path`."""
        if not name.startswith(_OURS):
            return None
        entry = self._entries.get(name, ())
        if entry:
            source = os.path.join(_FOLDER, entry[0])
            if _marks(source) == entry[1] and (code := self._file.part(entry[3], entry[4])):
                spec = ModuleSpec(name, _Loader(name, source, code), origin=source, is_package=entry[2])
                spec.has_location, spec.cached = True, self._path
                if entry[2]:
                    spec.submodule_search_locations = [os.path.dirname(source)]
                return spec
        if entry is not None:
            self._missing.append(name)
        return None

    def keep(self) -> None:
        """Write the file again with what was missing in it."""
        folder = os.path.dirname(self._path)
        if not self._missing or sys.dont_write_bytecode or not os.access(folder, os.W_OK):
            return
        found: dict[str, _Module | None] = {}
        for name, entry in self._entries.items():
            code = self._file.part(entry[3], entry[4]) if entry else b""
            found[name] = (*entry[:3], code) if entry and code else None
        found |= {name: _compiled(name) for name in self._missing}
        self._file.close()  # Windows replaces no open file
        entries: dict[str, _Entry | None] = {}
        end = 0
        for name, module in found.items():
            entries[name] = module and (*module[:3], end, len(module[3]))
            end += len(module[3]) if module else 0
        index = marshal.dumps(entries)
        unfinished = f"{self._path}.{os.getpid()}"
        try:
            with open(unfinished, "xb") as file:
                file.write(b"".join((_header(len(index), end), index, *(one[3] for one in found.values() if one))))
            os.replace(unfinished, self._path)
        except OSError:  # without room, or while another process reads it on Windows: another time
            _remove(unfinished)


def of_command(arguments: Sequence[str]) -> Bundle | None:
    """The modules of a short command, found from now on; None for another command."""
    name = _SHORT.get(arguments[0]) if arguments else None
    if name is None:
        return None
    path = cache_from_source(os.path.join(_FOLDER, f"{name}-command.py"))
    bundle = Bundle(path.removesuffix(".pyc") + ".modules")
    sys.meta_path.insert(0, bundle)
    return bundle


class _File:
    """The file, open for as long as it is this one: who forks may close it, and open another under its number."""

    def __init__(self, path: str) -> None:
        self._start = 0  # of the code
        self._lock = _thread.allocate_lock()
        try:
            self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except OSError:
            self._descriptor = -1
            return
        status = os.fstat(self._descriptor)
        self._identity = status.st_dev, status.st_ino
        self._size = status.st_size

    def index(self) -> dict[str, _Entry | None]:
        """What is known of each module by name, None for one without a source in Python; {} from another version of
        Python, from a folder that was moved, or from a file that was cut short."""
        head = self.part(0, len(_FORMAT) + _SIZES)
        try:
            index, code = int(head[len(_FORMAT) :][: _SIZES // 2]), int(head[-_SIZES // 2 :])
            self._start = len(head) + index
            if head == _header(index, code) and self._size == self._start + code:
                entries: dict[str, _Entry | None] = marshal.loads(self.part(-index, index))  # noqa: S302
                return entries
        except (ValueError, EOFError, TypeError):
            pass
        self.close()
        return {}

    def part(self, place: int, size: int) -> bytes:
        """Bytes from a place behind the index; b"" if they cannot be read any more."""
        try:
            status = os.fstat(self._descriptor)
            if (status.st_dev, status.st_ino) != self._identity:
                return b""
            if sys.platform == "win32":  # which has no pread: another thread must not come between
                with self._lock:
                    os.lseek(self._descriptor, self._start + place, os.SEEK_SET)
                    data = os.read(self._descriptor, size)
            else:
                data = os.pread(self._descriptor, size, self._start + place)
        except OSError:
            return b""
        return data if len(data) == size else b""

    def close(self) -> None:
        if self._descriptor >= 0 and self.part(-self._start, 1):
            os.close(self._descriptor)
        self._descriptor = -1


def _header(index: int, code: int) -> bytes:
    return _FORMAT + b"%*d%*d" % (_SIZES // 2, index, _SIZES // 2, code)


def _marks(path: str) -> tuple[int, ...]:
    try:
        status = os.stat(path)
    except OSError:
        return ()
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _compiled(name: str) -> _Module | None:
    """Path, marks and code of a loaded module; None for one without a source in Python, or that changes right now."""
    spec = getattr(sys.modules.get(name), "__spec__", None)
    source = getattr(spec, "origin", None) or ""
    if spec is None or not isinstance(spec.loader, SourceFileLoader) or not source.startswith(_FOLDER + os.sep):
        return None
    before = _marks(source)
    code = spec.loader.get_code(name)
    if code is None or not before or _marks(source) != before:
        return None
    is_package = spec.submodule_search_locations is not None
    return source[len(_FOLDER) + 1 :], before, is_package, marshal.dumps(code)


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return
