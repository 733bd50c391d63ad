"""The outermost try: a failure becomes one sentence, a hint and an exit code."""

import gc
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tachograph.module_bundle import Bundle


def main() -> None:
    """The installed command. It ends the process itself, without Python's clean-up.

    A warm report takes about 35 ms. The collector walking freshly imported modules and the interpreter taking itself
    apart at the end are 6 of them, and serve nobody: every file is closed and every stream flushed by then.
    """
    gc.disable()
    if sys.stdout is None or sys.stderr is None:  # pythonw.exe of Windows has neither
        sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - until the end
    bundle = _bundle()
    code = outcome()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = code or 1
    if bundle is not None:
        bundle.keep()
    os._exit(code)


def _bundle() -> "Bundle | None":
    """The modules that this command used before, in one file; None where a Python keeps them in another way."""
    try:
        from tachograph import module_bundle

        return module_bundle.of_command(sys.argv[1:])
    except (ImportError, NotImplementedError):  # no CPython, or one that keeps no compiled files
        return None


def outcome() -> int:
    """Run the command in `sys.argv`; returns its exit code (errors.py has the list)."""
    from tachograph.errors import TachographError

    try:
        from tachograph.ui.cli import run

        code = run(sys.argv[1:])
        sys.stdout.flush()  # here, so that a closed pipe is noticed in time
        return code
    except TachographError as error:
        from tachograph.text.format import safe  # names from the ledger may stand in what is said

        print(f"tachograph: {safe(error.message)}", file=sys.stderr)
        if error.hint:
            print(f"            {safe(error.hint)}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:  # `tachograph daily | head`: whoever read us has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except SystemExit as end:  # --help and --version
        return end.code if isinstance(end.code, int) else 0
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return 130
    except OSError as error:
        sentence = _sentence_about(error)
        if not sentence:
            return _mistake()
        print(sentence, file=sys.stderr)
        return 1
    except Exception:  # noqa: BLE001 - a mistake of ours
        return _mistake()


def _mistake() -> int:
    """Say that an error is ours; the one place that may show a traceback. Returns the exit code."""
    import traceback

    traceback.print_exc()
    print("tachograph: That is a mistake in Tachograph. Nothing that was counted is lost.", file=sys.stderr)
    return 70


def _sentence_about(error: OSError) -> str:
    """The sentence about an error of a file or of the system, and the next step; "" for an error that names neither.

    Any file or folder can vanish, be locked or run out of room between two steps of a command.
    """
    import errno

    from tachograph.text.format import safe

    of_the_system = {
        errno.ENOSPC: "Make room on the disk",
        errno.EDQUOT: "Make room in your quota",
        errno.EROFS: "Make it writable",
        errno.EFBIG: "Raise the limit of file sizes",
        errno.EMFILE: "Raise the limit of open files (`ulimit -n`)",
        errno.ENFILE: "End programs that hold many files",
        errno.ENOMEM: "Make memory free",
        errno.EAGAIN: "End some programs",
        errno.EIO: "Check the disk",
    }
    of_a_file = {
        errno.ENOENT: "Make sure that it is not moved or removed",
        errno.EACCES: "Give yourself the right to use it",
        errno.EPERM: "Give yourself the right to use it",
    }
    code = error.errno or 0
    if not error.filename and code not in of_the_system:
        return ""
    do = of_the_system.get(code) or of_a_file.get(code) or "Look at it"
    where = f"{safe(os.fsdecode(error.filename))}: " if isinstance(error.filename, str | bytes) else ""
    return f"tachograph: {where}{error.strerror or error}.\n            {do}, then run the command again."


if __name__ == "__main__":
    main()
