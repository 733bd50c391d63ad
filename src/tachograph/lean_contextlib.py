"""`contextmanager` and `suppress` for modules that fast commands load: importing `contextlib` takes half a millisecond.

Type checkers see those of `contextlib`.
"""

from __future__ import annotations

from tachograph.lean_typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import contextmanager as contextmanager
    from contextlib import suppress as suppress
else:

    def contextmanager(function):
        """Make a context manager of a generator function that yields once."""

        def start(*values, **named):
            return _Generator(function(*values, **named))

        start.__doc__, start.__name__, start.__wrapped__ = function.__doc__, function.__name__, function
        return start

    class _Generator:
        """A generator under way: up to its `yield` on entry, from there on at the end."""

        def __init__(self, generator):
            self._generator = generator

        def __enter__(self):
            return next(self._generator)

        def __exit__(self, kind, error, trace):
            if error is None:
                if next(self._generator, self) is not self:
                    raise RuntimeError("a context manager yielded twice")
                return False
            try:
                self._generator.throw(error)
            except StopIteration as end:  # the generator dealt with the error, unless it is that one itself
                return end is not error
            except BaseException as raised:
                # a StopIteration that leaves a generator arrives as a RuntimeError caused by it
                if raised is error or (isinstance(error, StopIteration) and raised.__cause__ is error):
                    error.__traceback__ = trace
                    return False
                raise
            raise RuntimeError("a context manager went on after an error")

    class suppress:
        """Ignore errors of these kinds."""

        def __init__(self, *kinds):
            self._kinds = kinds

        def __enter__(self):
            return None

        def __exit__(self, kind, error, trace):
            return kind is not None and issubclass(kind, self._kinds)
