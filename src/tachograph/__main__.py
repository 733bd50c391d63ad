"""The outermost try: a failure becomes one sentence, a hint and an exit code."""

import sys


def main() -> int:
    """Run the command in `sys.argv`; returns its exit code (errors.py has the list)."""
    from tachograph.errors import TachographError

    try:
        from tachograph.surfaces.cli import run

        code = run(sys.argv[1:])
        sys.stdout.flush()
        return code
    except TachographError as error:
        print(f"tachograph: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"            {error.hint}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:  # `tachograph daily | head`: whoever read us has enough
        import os

        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
