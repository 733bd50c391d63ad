"""Facts by column, which need half the bytes of facts one after another.

Facts of equal shape form a group. A shape is a fact (its key last) with a null for each value in it, and objects as a
list `{"object": [name, value, …]}`; the values of one place in all facts of a group are a column. A column is one of

    ["same", value]             for every fact
    ["text", n]                 the numbers of column n, as text
    ["minus", n]                the numbers of column n, each negative
    ["random", base64]          numbers of 8 bytes each
    ["step", first, …]          numbers, each as the difference to the one before
    ["from", n, …]              numbers, each as the difference to column n
    ["word", texts, …]          texts by their place in a list
    ["equal", prefix, width, rest]   texts of equal length: after the prefix, `width` characters of each
    ["list", …]                 the values

The order of the facts is kept as the list `order` of group numbers.
"""

import base64
import itertools
import operator
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tachograph.hub.wire import MAX_FACTS, MAX_PLAIN_BYTES, Malformed, TooLarge

_MAX_DEPTH = 10
_NESTED = frozenset({list, tuple, dict})
_MAX_NUMBER = 1 << 63


def to_columns(facts: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """Facts, each a list of plain JSON, as one document."""
    rows = [[kind, *rest, key] for kind, key, *rest in facts]
    numbers: dict[int, int] = {}
    groups: list[list[list[Any]]] = []
    order = []
    for row, shape in zip(rows, _shapes(rows) or [0] * len(rows), strict=True):
        number = numbers.setdefault(shape, len(groups))
        if number == len(groups):
            groups.append([])
        groups[number].append(row)
        order.append(number)
    packed = []
    for group in groups:
        columns = list[list[Any]]()
        packed.append([_leaves(group, columns), len(group), _columns(columns)])
    return {"order": _numbers(order, []), "count": len(order), "groups": packed}


def from_columns(document: Any) -> list[list[Any]]:
    """The facts of a document. Raises Malformed."""
    try:
        count = document["count"]
        if not isinstance(count, int) or not 0 <= count <= MAX_FACTS:
            raise Malformed("too many facts")
        groups = list[Iterator[list[Any]]]()
        total, room = 0, MAX_PLAIN_BYTES
        for shape, length, packed in document["groups"]:
            if not isinstance(length, int) or not 0 < length <= count or len(groups) >= count:
                raise Malformed("bad group")
            total += length
            if total > count:
                raise Malformed("bad group")
            columns = list[Sequence[Any]]()
            for column in packed:
                columns.append(_unpack(column, length, columns))
                room -= max(1, _characters(column, columns[-1])) * (1 if column[0] != "same" else length)
                if room < 0:
                    raise TooLarge("the unpacked facts are too large")
            numbered, parts = _number_leaves(shape, len(columns))
            room -= 8 * parts * length
            if room < 0:
                raise TooLarge("the unpacked facts are too large")
            kinds, *rest, keys = [_fill(part, columns, length) for part in numbered]
            groups.append(map(list, zip(kinds, keys, *rest, strict=True)))
        return [next(groups[number]) for number in _unpack(document["order"], count, [])]
    except (
        KeyError,
        TypeError,
        ValueError,
        IndexError,
        StopIteration,
        OverflowError,
        RecursionError,
        struct.error,
    ) as error:
        if isinstance(error, Malformed):
            raise
        raise Malformed("facts that can't be understood") from error


def _shapes(values: Sequence[Any]) -> Sequence[int] | None:
    """A number for each value, equal for equal shapes; None if all have one shape. Works on whole columns, which takes a
    fraction of the time that each value by itself would."""
    types = set(map(type, values))
    if _NESTED.isdisjoint(types):
        return None
    if len(types) == 1 and len(set(map(len, values))) == 1:
        items = zip(*(value.values() for value in values), strict=True) if dict in types else zip(*values, strict=True)
        parts = [found for column in items if (found := _shapes(column)) is not None]
        if len(parts) < 2:
            return parts[0] if parts else None
        known: dict[tuple[int, ...], int] = {}
        return [known.setdefault(one, len(known)) for one in zip(*parts, strict=True)]
    alike: dict[tuple[type, int], list[int]] = {}
    for place, value in enumerate(values):
        kind = type(value) if type(value) in _NESTED else int
        alike.setdefault((kind, len(value) if kind is not int else 0), []).append(place)
    numbers, following = [0] * len(values), 0
    for places in alike.values():
        found = _shapes([values[place] for place in places]) or [0] * len(places)
        for place, number in zip(places, found, strict=True):
            numbers[place] = following + number
        following += max(found) + 1
    return numbers


def _leaves(values: Sequence[Any], columns: list[list[Any]]) -> Any:
    """The shape that all values have; appends a column for each leaf."""
    first = values[0]
    if type(first) is dict:
        shape = []
        for pairs in zip(*(value.items() for value in values), strict=True):
            names, items = zip(*pairs, strict=True)
            shape += [_leaves(names, columns), _leaves(items, columns)]
        return {"object": shape}
    if type(first) in _NESTED:
        return [_leaves(items, columns) for items in zip(*values, strict=True)]
    columns.append(list(values))
    return None


def _number_leaves(shape: Any, count: int) -> tuple[list[Any], int]:
    """The shape of a fact with the numbers of `count` columns for its nulls, and the number of lists and objects in it."""
    places, parts = iter(range(count)), 0

    def number(part: Any, depth: int) -> Any:
        nonlocal parts
        if depth > _MAX_DEPTH:
            raise Malformed("too deep")
        if part is None:
            return next(places)
        parts += 1
        if isinstance(part, list):
            return [number(item, depth + 1) for item in part]
        if isinstance(part, dict) and isinstance(part["object"], list) and len(part["object"]) % 2 == 0:
            return {"object": [number(item, depth + 1) for item in part["object"]]}
        raise Malformed("bad shape")

    numbered = number(shape, 0)
    if not isinstance(numbered, list) or next(places, None) is not None:
        raise Malformed("bad shape")
    return numbered, parts


def _fill(shape: Any, columns: Sequence[Sequence[Any]], length: int) -> Sequence[Any]:
    """The values of all facts at one place of their shape."""
    if isinstance(shape, int):
        return columns[shape]
    is_list = isinstance(shape, list)
    parts = [_fill(part, columns, length) for part in (shape if is_list else shape["object"])]
    if not parts:
        return [[] if is_list else {} for _ in range(length)]
    if is_list:
        return list(map(list, zip(*parts, strict=True)))
    names, values = zip(*parts[::2], strict=True), zip(*parts[1::2], strict=True)
    return [dict(zip(*pair, strict=True)) for pair in zip(names, values, strict=True)]


def _columns(columns: list[list[Any]]) -> list[list[Any]]:
    packed, numbers = list[list[Any]](), list[tuple[int, list[int]]]()
    for place, column in enumerate(columns):
        first, types = column[0], set(map(type, column))
        if len(types) == 1 and column.count(first) == len(column):
            packed.append(["same", first])
        elif types == {int}:
            packed.append(_numbers(column, numbers))
            numbers.append((place, column))
        elif types == {str}:
            packed.append(_texts(column, numbers))
        else:
            packed.append(["list", *column])
    return packed


def _numbers(column: list[int], others: Sequence[tuple[int, list[int]]]) -> list[Any]:
    """The shortest form of a column of numbers."""
    best, size = ["list", *column], _size(column)
    steps = [column[0], *map(operator.sub, column[1:], column)] if column else []
    if (length := _size(steps)) < size:
        best, size = ["step", *steps], length
    for place, other in others:
        if column[0] == -other[0] and column == list(map(operator.neg, other)):
            return ["minus", place]
        if 0.999 < column[0] / (other[0] or 1) < 1.001:  # times of one message are close to each other
            differences = list(map(operator.sub, column, other))
            if (length := _size(differences)) < size:
                best, size = ["from", place, *differences], length
    if size > 56 * len(column) and min(column) >= 0 and max(column) < _MAX_NUMBER:
        packed = struct.pack(f">{len(column)}Q", *column)
        return ["random", base64.b64encode(packed).decode()]
    return best


def _size(numbers: Iterable[int]) -> int:
    return sum(map(int.bit_length, numbers))


def _texts(column: list[str], numbers: Iterable[tuple[int, list[int]]]) -> list[Any]:
    """The shortest form of a column of texts."""
    if column[0].isdecimal():
        for place, other in numbers:
            if column == list(map(str, other)):
                return ["text", place]
    words = dict.fromkeys(column)
    if len(words) * 3 > len(column):
        width, low, high = len(column[0]), min(words), max(words)
        prefix = low[: next((place for place, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))]
        if width > len(prefix) and all(len(text) == width for text in column):
            return ["equal", prefix, width - len(prefix), "".join(text[len(prefix) :] for text in column)]
        return ["list", *column]
    places = {word: place for place, word in enumerate(words)}
    return ["word", list(words), *(places[text] for text in column)]


def _unpack(column: Any, length: int, before: list[Sequence[Any]]) -> Sequence[Any]:
    kind, *values = column
    if kind == "same":
        return [values[0]] * length
    if kind == "list":
        found: list[Any] = values
    elif kind == "step":
        found = list(itertools.accumulate(_whole(values)))
    elif kind == "from":
        found = list(map(operator.add, _whole(before[values[0]]), _whole(values[1:], length)))
    elif kind == "minus":
        found = list(map(operator.neg, _whole(before[values[0]])))
    elif kind == "random":
        found = list(struct.unpack(f">{length}Q", base64.b64decode(values[0], validate=True)))
    elif kind == "text":
        found = list(map(str, _whole(before[values[0]])))
    elif kind == "equal":
        prefix, width, rest = values
        if width < 1 or len(rest) != width * length or len(prefix) * length > MAX_PLAIN_BYTES:
            raise Malformed("bad column")
        found = [prefix + rest[start : start + width] for start in range(0, len(rest), width)]
    elif kind == "word":
        found = [values[0][place] for place in values[1:]]
    else:
        raise Malformed("unknown column")
    if len(found) != length:
        raise Malformed("bad column")
    return found


def _characters(column: Any, values: Sequence[Any]) -> int:
    """Characters in a column, unpacked; for one of equal values those of one."""
    found = values[:1] if column[0] == "same" else values
    types = set(map(type, found))
    if str not in types:
        return 8 * len(found)
    return sum(map(len, found)) if len(types) == 1 else sum(len(one) if isinstance(one, str) else 8 for one in found)


def _whole(values: Sequence[Any], length: int | None = None) -> Sequence[int]:
    """Values that are whole numbers, `length` of them. Raises Malformed for anything else."""
    if set(map(type, values)) - {int} or (length is not None and len(values) != length):
        raise Malformed("bad column")
    if values and (max(values) > _MAX_NUMBER or min(values) < -_MAX_NUMBER):
        raise Malformed("number out of range")
    return values
