"""The light twins of typing, contextlib, functools, sqlite3 and json behave as the real ones, and a quick look at arguments as argparse."""

import contextlib
import copy
import datetime
import functools
import json
import math
import pickle
import sqlite3
import subprocess
import sys
import typing
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachograph import lean_contextlib, lean_datetime, lean_functools, lean_json, lean_sqlite, lean_typing
from tachograph.errors import UsageError
from tachograph.ui.cli.commands import COMMANDS, HIDDEN
from tachograph.ui.cli.parser import parsed
from tachograph.ui.cli.quick_parser import quickly_parsed


class Ours(lean_typing.NamedTuple):
    """A doc."""

    a: int
    b: str = "b"
    c: tuple[int, ...] = ()

    @property
    def double(self) -> int:
        return 2 * self.a


class Theirs(typing.NamedTuple):
    """A doc."""

    a: int
    b: str = "b"
    c: tuple[int, ...] = ()

    @property
    def double(self) -> int:
        return 2 * self.a


def outcome(make: Any) -> Any:
    try:
        return tuple(make())
    except (TypeError, ValueError) as error:
        return type(error)


@pytest.mark.parametrize("calls", [1, 1000], ids=["once", "until the constructor is compiled"])
def test_a_named_tuple_of_ours_takes_and_refuses_the_values_that_one_of_typing_does(calls: int) -> None:
    for _ in range(calls):
        Ours(1)
    for values in ((), (1,), (1, "x"), (1, "x", (2,)), (1, 2, 3, 4)):
        for named in ({}, {"a": 5}, {"b": "y"}, {"c": (1,)}, {"b": "y", "c": ()}, {"d": 1}):
            assert outcome(lambda v=values, n=named: Ours(*v, **n)) == outcome(
                lambda v=values, n=named: Theirs(*v, **n)
            )


def test_a_named_tuple_of_ours_has_the_attributes_and_methods_of_one_of_typing() -> None:
    ours: Any = Ours(3, c=(1,))
    theirs: Any = Theirs(3, c=(1,))
    assert (ours.a, ours.b, ours.c, ours.double) == (3, "b", (1,), 6)
    assert ours == tuple(theirs) and hash(ours) == hash(theirs)
    assert ours._asdict() == theirs._asdict() and Ours._fields == Theirs._fields
    assert Ours._field_defaults == Theirs._field_defaults and Ours.__match_args__ == Theirs.__match_args__
    assert repr(ours) == repr(theirs).replace("Theirs", "Ours") and Ours.__doc__ == Theirs.__doc__
    assert ours._replace(b="z") == theirs._replace(b="z") and isinstance(ours._replace(), Ours)
    assert tuple(Ours._make((1, "2", ()))) == tuple(Theirs._make((1, "2", ())))
    assert pickle.loads(pickle.dumps(ours)) == ours == copy.deepcopy(ours)  # noqa: S301 - our own
    assert json.dumps(ours) == json.dumps(theirs)
    assert not hasattr(ours, "__dict__")
    match ours:
        case Ours(a, b, c):
            assert (a, b, c) == (3, "b", (1,))
    for refused in (lambda: ours._replace(d=1), lambda: Ours._make((1, 2, 3, 4))):
        with pytest.raises((TypeError, ValueError)):
            refused()
    with pytest.raises(AttributeError):
        ours.a = 4


TEXTS = st.one_of(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
        max_leaves=12,
    ).map(lambda value: json.dumps(value, ensure_ascii=False)),
    st.text(alphabet='{}[]":,0123456789.eE+-truefalsnIiyN \t\n\\u', max_size=20),
)


@given(TEXTS, st.sampled_from(["", " ", "\n\t ", "\ufeff", "x", ","]), st.sampled_from(["", " \r\n", "x", "]"]))
def test_json_is_read_and_refused_as_by_the_standard_library(text: str, before: str, after: str) -> None:
    def read(loads: Any) -> Any:
        try:
            return "value", repr(loads(before + text + after))
        except ValueError as error:
            return type(error), str(error)

    assert read(lean_json.loads) == read(json.loads)


@given(TEXTS, st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32-be", "latin-1"]))
def test_json_in_bytes_is_decoded_as_by_the_standard_library(text: str, encoding: str) -> None:
    data = text.encode(encoding, "replace")

    def read(loads: Any) -> Any:
        try:
            return "value", repr(loads(data))
        except ValueError as error:
            return type(error), str(error)

    assert read(lean_json.loads) == read(json.loads)


def test_json_nested_too_deeply_is_refused_as_by_the_standard_library() -> None:
    for loads in (lean_json.loads, json.loads):
        with pytest.raises(RecursionError):
            loads("[" * 200_000)
    assert math.isnan(lean_json.loads("NaN"))


class _Trouble(Exception):
    pass


@pytest.mark.parametrize("raised", [None, _Trouble(), StopIteration(), KeyError(1), RuntimeError("x")])
@pytest.mark.parametrize("swallows", [(), (_Trouble,), (StopIteration,), (Exception,)])
@pytest.mark.parametrize("instead", [None, ValueError("another")])
def test_a_context_manager_ends_as_one_of_contextlib(raised: Any, swallows: Any, instead: Any) -> None:
    def end(contextmanager: Any) -> Any:
        log: list[str] = []

        @contextmanager  # type: ignore[untyped-decorator]
        def manager() -> typing.Iterator[int]:
            try:
                yield 7
            except swallows:
                log.append("swallowed")
                if instead:
                    raise instead from None
            finally:
                log.append("closed")

        try:
            with manager() as value:
                log.append(str(value))
                if raised:
                    raise raised
        except BaseException as error:  # noqa: BLE001 - whatever comes out
            return log, type(error), str(error)
        return log, None, ""

    assert end(lean_contextlib.contextmanager) == end(contextlib.contextmanager)


def test_suppress_ignores_the_errors_it_names_and_no_others() -> None:
    with lean_contextlib.suppress(KeyError, OSError):
        raise FileNotFoundError
    with pytest.raises(ValueError, match="y"), lean_contextlib.suppress(KeyError):
        raise ValueError("y")


@pytest.mark.parametrize("cached_property", [lean_functools.cached_property, functools.cached_property])
def test_a_cached_property_is_worked_out_once_for_each_object(cached_property: Any) -> None:
    class Owner:
        calls = 0

        @cached_property  # type: ignore[untyped-decorator]
        def value(self) -> int:
            """A doc."""
            Owner.calls += 1
            return Owner.calls

    one, other = Owner(), Owner()
    assert (one.value, one.value, other.value, one.value) == (1, 1, 2, 1)
    assert vars(one) == {"value": 1} and Owner.value.__doc__ == "A doc."
    del one.value
    assert one.value == 3


def test_dates_are_those_of_the_standard_library() -> None:
    for name in ("UTC", "date", "datetime", "timedelta", "tzinfo"):
        assert getattr(lean_datetime, name) is getattr(datetime, name)
    moment = lean_datetime.datetime(2026, 3, 29, 1, tzinfo=lean_datetime.UTC)
    assert pickle.loads(pickle.dumps(moment)) == moment  # noqa: S301 - our own


def test_sqlite_is_that_of_the_standard_library_also_where_functools_is_loaded_later() -> None:
    for name in ("connect", "Connection", "Error", "OperationalError", "SQLITE_FULL", "complete_statement"):
        assert getattr(lean_sqlite.sqlite3, name) is getattr(sqlite3, name)
    code = (
        "import sys\nfrom tachograph.lean_sqlite import sqlite3\nassert 'functools' not in sys.modules\n"
        "db = sqlite3.connect(':memory:', cached_statements=2)\n"
        "for n in range(9): assert db.execute(f'SELECT {n % 3}').fetchone() == (n % 3,)\n"
        "import functools, sqlite3 as whole\nassert whole.connect is sqlite3.connect and functools.lru_cache()(len)('')"
        " == 0\nassert isinstance(functools, type(sys))\nwhole.connect(':memory:').execute('SELECT 1').fetchone()\n"
    )
    subprocess.run([sys.executable, "-I", "-c", code], check=True)


WORDS = (
    "--json", "--csv", "--since", "yesterday", "--last", "3", "0", "--by", "model", "x", "--by=project", "--last=2",
    "--project", "--project=a b", "", "--timezone", "UTC", "--no-ingest", "--threshold", "50", "--forecast", "-h",
    "--then", "echo hi", "--limits-only", "install", "--", "--format", "{a}%", "--sort=name", "-1", "--jso", "=",
)  # fmt: skip


def test_a_plain_command_line_gives_the_arguments_that_argparse_gives() -> None:
    plain = 0
    pairs = list(product(WORDS, WORDS))[::17]
    for command in COMMANDS:
        for rest in ((), *((word,) for word in WORDS), *pairs):
            words = [command.name, *rest]
            quick = quickly_parsed(words)
            if quick is not None:
                plain += 1
                assert vars(quick) == vars(parsed(words)), words
    assert plain > 150
    for words in ([], ["--json"], ["help", "now"], ["nonsense"], ["now", "--nonsense"], ["--no-ingest", "now"]):
        assert quickly_parsed(words) is None
    with pytest.raises(UsageError):
        parsed(["now", "--nonsense"])


def test_the_mark_of_a_flag_without_help_is_that_of_argparse() -> None:
    import argparse

    assert HIDDEN == argparse.SUPPRESS
