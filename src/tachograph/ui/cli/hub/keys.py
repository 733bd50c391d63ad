"""The key of a person's machines, as a person gives it: typed, pasted or piped, so that no list of processes shows it."""

import sys

from tachograph.errors import TachographError
from tachograph.hub.sharing import PersonKey
from tachograph.ui.cli.context import Context


def given_key(argument: str | None, context: Context) -> PersonKey | None:
    """The key of `--key`; `-` reads it from standard input. None without one. Raises TachographError."""
    return asked_key(context) if argument == "-" else PersonKey(argument) if argument else None


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
