"""`NamedTuple`, `TYPE_CHECKING` and names of `collections.abc` for modules that fast commands load, without `typing`.

`collections.abc` is a name for `_collections_abc`, which Python loads at its start, but brings `collections` along.
`typing` brings `re`, `enum` and `contextlib` along, which together cost as much as starting Python, and
`collections.namedtuple` compiles a constructor for every class, of which a short command calls few.

Type checkers see `typing.NamedTuple` itself. At run time the classes here behave the same: a tuple with names, keyword
arguments, defaults, methods, `_replace`, `_asdict`, `_make`, `_fields`, pickling. Names that only annotations use are
imported under `if TYPE_CHECKING:`, with `from __future__ import annotations`.
"""

import sys

TYPE_CHECKING = False  # type checkers take any name that is spelled like this for true

if TYPE_CHECKING:
    from collections.abc import Callable as Callable
    from collections.abc import Collection as Collection
    from collections.abc import Iterable as Iterable
    from collections.abc import Iterator as Iterator
    from collections.abc import Mapping as Mapping
    from collections.abc import Sequence as Sequence
else:
    from _collections_abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence  # noqa: F401

if TYPE_CHECKING or sys.version_info >= (3, 14):  # from 3.14 on, typing is light, and annotations are evaluated late
    from typing import NamedTuple as NamedTuple
else:
    from _collections import _tuplegetter  # also what collections.namedtuple takes: a field is read at C speed

    _new = tuple.__new__
    _CALLS_BEFORE_COMPILING = 200  # a compiled constructor takes 60 µs to make and saves 0.3 µs a call

    class _Fields(tuple):
        """Methods of every named tuple."""

        __slots__ = ()
        _fields: tuple[str, ...] = ()
        _places: dict[str, int] = {}  # noqa: RUF012 - of the fields
        _field_defaults: dict[str, object] = {}  # noqa: RUF012 - as that of collections.namedtuple

        @classmethod
        def _make(cls, iterable):
            made = _new(cls, iterable)
            if len(made) != len(cls._fields):
                raise TypeError(f"{cls.__name__} needs {len(cls._fields)} values, not {len(made)}")
            return made

        def _replace(self, /, **changes):
            made, places = [*self], self._places
            try:
                for field, value in changes.items():
                    made[places[field]] = value
            except KeyError:
                others = ", ".join(field for field in changes if field not in places)
                raise TypeError(f"{type(self).__name__} has no field {others}") from None
            return _new(type(self), made)

        __replace__ = _replace

        def _asdict(self):
            return dict(zip(self._fields, self, strict=True))

        def __getnewargs__(self):
            return tuple(self)

        def __repr__(self):
            pairs = (f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True))
            return f"{type(self).__name__}({', '.join(pairs)})"

    class _Definition(type):
        """Turn the body of a class below NamedTuple into a tuple with fields."""

        def __new__(mcs, name, bases, body):
            if not bases:
                return type.__new__(mcs, name, bases, body)
            if len(bases) > 1:
                raise TypeError("a class below NamedTuple has no other base")
            fields = tuple(body.get("__annotations__", ()))
            defaults = {field: body[field] for field in fields if field in body}
            if fields[len(fields) - len(defaults) :] != tuple(defaults):
                raise TypeError(f"{name} has a field without a default after one with a default")
            body["_places"] = {field: place for place, field in enumerate(fields)}
            for field, place in body["_places"].items():
                body[field] = _tuplegetter(place, "")
            body["__slots__"] = ()
            body["__match_args__"] = body["_fields"] = fields
            body["_field_defaults"] = defaults
            if "__new__" not in body:
                body["__new__"] = _constructor(fields, defaults)
            return type(name, (_Fields,), body)

    def _constructor(fields, defaults):
        """A `__new__` that takes the fields by place or name, and replaces itself by a compiled one if it is called often."""
        count, calls = len(fields), 0

        def __new__(cls, /, *values, **named):
            nonlocal calls
            calls += 1
            if calls == _CALLS_BEFORE_COMPILING:
                owner = next(base for base in cls.__mro__ if base.__dict__.get("_fields") is fields)
                owner.__new__ = _compile(fields, defaults)
            if not named and len(values) == count:
                return _new(cls, values)
            if len(values) > count:
                raise TypeError(f"{cls.__name__} takes {count} values, not {len(values)}")
            rest = []
            for field in fields[len(values) :]:
                if field in named:
                    rest.append(named.pop(field))
                elif field in defaults:
                    rest.append(defaults[field])
                else:
                    raise TypeError(f"{cls.__name__} needs a value for {field}")
            if named:
                raise TypeError(f"{cls.__name__} has no free field {', '.join(named)}")
            return _new(cls, (*values, *rest))

        return __new__

    def _compile(fields, defaults):
        """The constructor that collections.namedtuple would have made."""
        names = ", ".join(fields)
        source = f"lambda _cls, {names}: _new(_cls, ({names}{',' if fields else ''}))"
        made = eval(source, {"_new": _new, "__builtins__": {}})  # noqa: S307 - names of fields, which are identifiers
        made.__defaults__ = tuple(defaults.values()) or None
        return made

    class NamedTuple(metaclass=_Definition):
        """The base that turns annotated names into fields of a tuple."""
