"""Expressions that are compiled late, and string methods that take the place of expressions, decide as `re` does."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachograph import lean_json
from tachograph.lean_re import late_pattern
from tachograph.model.usage.projects import is_home
from tachograph.sources.transcripts.records import is_issued

_HOME = re.compile(r"(/|/root|/(home|users)(/[^/]+)?|[a-z]:(/users(/[^/]+)?)?)\Z")
_ISSUED = re.compile(r"msg_[A-Za-z0-9_]{20,}$")
_BRANCH = re.compile(rb'"gitBranch"\s*:\s*("(?:[^"\\]|\\.)+")')
_CWD = re.compile(rb'"cwd"\s*:\s*("(?:[^"\\]|\\.)+")')


def joined(*parts: str, most: int) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(parts), max_size=most).map("".join)


def test_a_late_pattern_has_the_methods_of_a_compiled_one() -> None:
    late, compiled = late_pattern(r"(?is)a(.)b"), re.compile(r"(?is)a(.)b")
    for text in ("xA\nB", "a1b", "ab"):
        for method in ("search", "match", "fullmatch"):
            for _ in range(2):
                ours, theirs = (getattr(pattern, method)(text) for pattern in (late, compiled))
                assert (ours and ours.groups()) == (theirs and theirs.groups())
        assert late.sub("-", text, count=1) == compiled.sub("-", text, count=1)
    assert late_pattern(rb"\d+").findall(b"1 22") == [b"1", b"22"]
    with pytest.raises(re.error):
        late_pattern("(").match("")


@given(joined("/", "home", "users", "root", "c:", "Z:", "a", "\n", ".", most=7))
def test_a_home_is_told_from_other_folders_by_its_path(key: str) -> None:
    assert is_home(key) == bool(_HOME.match(key))


@given(
    st.sampled_from(["msg_", "msg", "Msg_", "", "x"]),
    joined("a" * 19, "Z", "_", "0", "\n", "é", "-", "\u0661", "a" * 20, most=5),
)
def test_an_issued_id_is_told_from_others(start: str, rest: str) -> None:
    assert is_issued(start + rest) == bool(_ISSUED.match(start + rest))


@given(joined('"', "\\", "a", "\n", "\x00", "\x1f", " ", "{", "}", "[", "]", ":", ",", "1", "é", "\ufeff", most=12))
def test_json_with_control_characters_is_read_and_refused_as_by_the_standard_library(text: str) -> None:
    def read(decode: Any) -> Any:
        try:
            return "value", decode(text)
        except ValueError as error:
            return type(error), str(error)

    assert read(lean_json.patient_loads) == read(json.JSONDecoder(strict=False).decode)
