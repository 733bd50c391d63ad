"""The key of a person's machines, as a person gives it: typed, pasted or piped, so that no list of processes shows it."""

import sys

from tachograph.errors import TachographError, UsageError
from tachograph.hub.sharing import PersonKey
from tachograph.ui.cli.context import Context


def given_key(argument: str | None, context: Context) -> PersonKey | None:
    """The key that `--key -` reads from standard input; None without the flag.

    Raises UsageError for a key in the command itself, TachographError for one that is not valid.
    """
    if not argument:
        return None
    if argument != "-":
        raise UsageError(
            "A key in a command can be read by every user of this computer, and stays in the shell's history.",
            "Leave it out and paste it when join asks, or pipe it in: tachograph machines --key | ssh HOST tachograph join"
            " … --key -",
        )
    return asked_key(context)


def asked_key(context: Context) -> PersonKey:
    """Ask for the key; without a terminal read it from standard input. Raises TachographError."""
    if sys.stdin is not None and sys.stdin.isatty():
        import getpass

        try:
            text = getpass.getpass("Key of your machines (`tachograph machines --key` shows it on one of them): ")
        except EOFError:
            text = ""
    else:
        try:
            text = "" if sys.stdin is None else sys.stdin.readline(200)
        except OSError:  # standard input is closed
            text = ""
    if not text.strip():
        raise TachographError(
            "Your machines have a key, and this one needs it.",
            "`tachograph machines --key` shows it on one of them. Paste it when join asks, or pipe it in:"
            " tachograph join URL CODE --yes < key.txt",
        )
    return PersonKey(text.strip())
