"""Names of people and machines as a hub stores them."""

import unicodedata

MAX_NAME = 60  # characters
_DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def clean_name(text: object) -> str:
    """A name in one spelling and on one line, "" for none.

    Control characters, marks that change the direction of writing, and halves of characters are dropped: they make two
    names look alike, and PostgreSQL refuses some of them.
    """
    if not isinstance(text, str):
        return ""
    spaced = " ".join(unicodedata.normalize("NFC", text[:1_000]).split())
    shown = "".join(
        char for char in spaced if unicodedata.category(char) not in ("Cc", "Cs") and char not in _DIRECTIONS
    )
    return shown[:MAX_NAME].strip()
