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
import json
import operator
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tachograph.hub.wire import MAX_FACTS, MAX_PLAIN_BYTES, Malformed, TooLarge

_MAX_DEPTH = 10
_PLAIN = frozenset({str, int, float, bool, type(None)})
_MAX_NUMBER = 1 << 63


def to_columns(facts: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """Facts, each a list of plain JSON, as one document."""
    numbers: dict[str, int] = {}
    groups: list[list[list[Any]]] = []
    order = []
    for kind, key, *rest in facts:
        leaves: list[Any] = []
        shape = _flatten([kind, *rest, key], leaves)
        number = numbers.setdefault(shape, len(groups))
        if number == len(groups):
            groups.append([])
        groups[number].append(leaves)
        order.append(number)
    packed = [
        [json.loads(shape), len(rows), _columns(list(map(list, zip(*rows, strict=True))))]
        for shape, rows in zip(numbers, groups, strict=True)
    ]
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
            groups.append(_facts(_number_leaves(shape, columns), columns, length))
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


def _flatten(value: Any, leaves: list[Any]) -> str:
    """The shape of a value as JSON; appends its leaves."""
    if isinstance(value, (list, tuple)):
        parts = []
        for item in value:
            if type(item) in _PLAIN:
                leaves.append(item)
                parts.append("null")
            else:
                parts.append(_flatten(item, leaves))
        return "[" + ",".join(parts) + "]"
    if isinstance(value, dict):
        parts = []
        for name, item in value.items():
            leaves.append(name)
            parts.append("null," + _flatten(item, leaves))
        return '{"object":[' + ",".join(parts) + "]}"
    leaves.append(value)
    return "null"


def _number_leaves(shape: Any, columns: Sequence[Any]) -> Any:
    """The shape of a fact with the numbers of columns for its nulls."""
    places = iter(range(len(columns)))

    def number(part: Any, depth: int) -> Any:
        if depth > _MAX_DEPTH:
            raise Malformed("too deep")
        if part is None:
            return next(places)
        if isinstance(part, list):
            return [number(item, depth + 1) for item in part]
        if isinstance(part, dict) and isinstance(part["object"], list) and len(part["object"]) % 2 == 0:
            return {"object": [number(item, depth + 1) for item in part["object"]]}
        raise Malformed("bad shape")

    numbered = number(shape, 0)
    if not isinstance(numbered, list) or next(places, None) is not None:
        raise Malformed("bad shape")
    return numbered


def _facts(shape: list[Any], columns: Sequence[Sequence[Any]], length: int) -> Iterator[list[Any]]:
    for row in zip(*columns, strict=True) if columns else ((),) * length:
        kind, *rest, key = _fill(shape, row)
        yield [kind, key, *rest]


def _fill(shape: Any, row: Sequence[Any]) -> Any:
    if isinstance(shape, int):
        return row[shape]
    if isinstance(shape, list):
        return [row[item] if isinstance(item, int) else _fill(item, row) for item in shape]
    parts = [_fill(item, row) for item in shape["object"]]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _columns(columns: list[list[Any]]) -> list[list[Any]]:
    packed, numbers = list[list[Any]](), list[tuple[int, list[int]]]()
    for place, column in enumerate(columns):
        first = column[0]
        if column.count(first) == len(column) and len(set(map(type, column))) == 1:
            packed.append(["same", first])
        elif all(type(value) is int for value in column):
            packed.append(_numbers(column, numbers))
            numbers.append((place, column))
        elif all(type(value) is str for value in column):
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
        found, sum = [], 0
        for step in values:
            sum += _number(step)
            found.append(sum)
    elif kind == "from":
        found = [_number(a) + _number(b) for a, b in zip(before[values[0]], values[1:], strict=True)]
    elif kind == "minus":
        found = [-_number(value) for value in before[values[0]]]
    elif kind == "random":
        found = list(struct.unpack(f">{length}Q", base64.b64decode(values[0], validate=True)))
    elif kind == "text":
        found = [str(_number(value)) for value in before[values[0]]]
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
    return sum(len(value) if isinstance(value, str) else 8 for value in found)


def _number(value: Any) -> int:
    """A whole number. Raises Malformed for anything else."""
    if type(value) is not int or abs(value) > _MAX_NUMBER:
        raise Malformed("number out of range")
    return value
