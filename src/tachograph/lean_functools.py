"""`cached_property` for modules that fast commands load: importing `functools` brings `collections` along.

Type checkers see that of `functools`.
"""

from __future__ import annotations

from tachograph.lean_typing import TYPE_CHECKING

if TYPE_CHECKING:
    from functools import cached_property as cached_property
else:

    class cached_property:
        """An attribute that is worked out at its first use, and then is one of the object."""

        def __init__(self, function):
            self._function = function
            self.__doc__ = function.__doc__

        def __set_name__(self, owner, name):
            self._name = name

        def __get__(self, owned, owner=None):
            if owned is None:
                return self
            value = owned.__dict__[self._name] = self._function(owned)
            return value
