"""`late_pattern`: a regular expression for modules that fast commands load, compiled when it is first used.

Importing `re` takes two milliseconds and compiling an expression up to half of one, which a short command spends for
expressions that it never applies. Flags stand in the expression: `(?i)`.
"""

from __future__ import annotations

from tachograph.lean_typing import TYPE_CHECKING

if TYPE_CHECKING:
    from re import Pattern
    from typing import AnyStr


class _LatePattern:
    """The methods of a compiled expression, each looked up at its first call."""

    def __init__(self, expression: str | bytes) -> None:
        self._expression = expression

    def __getattr__(self, name: str) -> object:
        import re

        if name.startswith("__"):  # copying and pickling look for these
            raise AttributeError(name)
        method: object = getattr(re.compile(self._expression), name)
        setattr(self, name, method)  # from now on as fast as the expression itself
        return method


def late_pattern(expression: AnyStr) -> Pattern[AnyStr]:
    """The compiled expression, as `re.compile` gives it, except that a mistake in it shows at its first use."""
    return _LatePattern(expression)  # type: ignore[return-value]  # all that callers use: its methods
