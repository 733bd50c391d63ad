"""The messages between a machine and a hub: parcels of facts, their limits, and the checks on what arrives.

A parcel is JSON. Each fact in it is `[kind, key, revision, body, sealed]`: `body` for everybody whom the level of sharing
allows, `sealed` (base64) only for the person's own machines. Where one text seals the rest of a whole parcel
(`parcels.py`), `sealed` is the mark of the fact, and the document has `parcel`, `{facts, sealed}`, in place of `facts`.
"""

import base64
import itertools
import json
import re
import zlib
from typing import Any, NamedTuple

PATH = "/hub/1/"
FORMAT = 2  # of what a machine can read: 1, facts that are sealed one by one; 2, parcels that are sealed as a whole
MAX_BYTES = 1 << 20  # of a request, as sent
MAX_PLAIN_BYTES = 24 << 20  # of a request, unpacked
MAX_FACTS = 2_000
KINDS = (
    "message",
    "session",
    "link",
    "summary",
    "logins",
    "reading",
    "fragment",
    "refusal",
    "metered",
    "request",
    "plan",
)
REPLACED = ("logins",)  # kinds that are replaced as a whole; all others merge
_LONG = 4_000  # characters of a column that is worth a code of its own
_COLUMN = re.compile(r'\["(?:list|step|from|random|equal|word)",|"sealed":"')
_MAX_TEXT = 4_096
_MAX_KEY = 512
_MAX_SEALED = 64 * 1024
_MARK = re.compile(r"[A-Za-z0-9+/]{8}")
_MAX_NUMBER = 1 << 63


class SharedFact(NamedTuple):
    """A fact as it travels. `body` None: only the person's machines may read it; `sealed` "" without a secret."""

    kind: str
    key: str
    revision: int
    body: Any
    sealed: str


class Malformed(ValueError):
    """A request that can't be understood; the message is safe to send back."""


class TooLarge(Malformed):
    """A request above the limits."""


def pack(document: Any) -> bytes:
    """JSON, compressed."""
    return compress(document, zlib.compressobj(6, zlib.DEFLATED, 31, 9))


def compress(document: Any, packer: "zlib._Compress", errors: str = "replace") -> bytes:
    """JSON, compressed. Long columns (`columns.py`) get a code of their own, which saves one byte in thirty."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    packed, was_long = list[bytes](), False
    begins = [0, *(found.start() for found in _COLUMN.finditer(text)), len(text)]
    for begin, end in itertools.pairwise(begins):
        is_long = end - begin >= _LONG
        if is_long or was_long:
            packed.append(packer.flush(zlib.Z_SYNC_FLUSH))
        packed.append(packer.compress(text[begin:end].encode("utf-8", errors)))
        was_long = is_long
    return b"".join((*packed, packer.flush()))


def inflate(data: bytes) -> bytes:
    """Unpack a body. Raises Malformed, TooLarge."""
    unpacker = zlib.decompressobj(31)
    try:
        data = unpacker.decompress(data, MAX_PLAIN_BYTES)
    except zlib.error as error:
        raise Malformed("the body is not gzip") from error
    if unpacker.unconsumed_tail or not unpacker.eof:
        raise TooLarge("the unpacked body is too large or cut off")
    return data


def unpack(data: bytes, is_compressed: bool) -> Any:
    """A document from a request. Raises Malformed, TooLarge."""
    if is_compressed:
        data = inflate(data)
    try:
        return json.loads(data.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Malformed("the body is not JSON") from error


def parcel_of(document: dict[str, Any]) -> tuple[Any, bytes]:
    """The facts of a push, in columns or a list, and what seals their rest; b"" if they are sealed one by one or not.

    Raises Malformed.
    """
    parcel = document.get("parcel")
    if parcel is None:
        return document.get("facts"), b""
    if not isinstance(parcel, dict) or not isinstance(parcel.get("sealed"), str):
        raise Malformed("a parcel has facts and a sealed text")
    try:
        sealed = base64.b64decode(parcel["sealed"], validate=True)
    except ValueError as error:
        raise Malformed("a sealed text is base64") from error
    if not sealed:
        raise Malformed("a parcel has facts and a sealed text")
    return parcel.get("facts"), sealed


def check_mark(fact: SharedFact) -> None:
    """Refuse a fact of a parcel without a mark. Raises Malformed."""
    if not _MARK.fullmatch(fact.sealed):
        raise Malformed("bad mark")


def _no_constant(word: str) -> None:
    raise ValueError(word)


def parse_fact(value: Any) -> SharedFact:
    """A fact from a parcel, checked in full. Raises Malformed with the reason."""
    fact = parse_envelope(value)
    check_body(fact)
    return fact


def parse_envelope(value: Any) -> SharedFact:
    """A fact from a parcel with its body as it came (see `check_body`). Raises Malformed with the reason."""
    if not isinstance(value, list) or len(value) != 5:
        raise Malformed("a fact has five parts")
    kind, key, revision, body, sealed = value
    if kind not in KINDS:
        raise Malformed("unknown kind")
    if not isinstance(key, str) or not 0 < len(key) <= _MAX_KEY or not _is_storable(key):
        raise Malformed("bad key")
    if not isinstance(revision, int) or isinstance(revision, bool) or not 0 <= revision < _MAX_NUMBER:
        raise Malformed("bad revision")
    if not isinstance(sealed, str) or len(sealed) > _MAX_SEALED or not sealed.isascii() or "\0" in sealed:
        raise Malformed("bad sealed part")
    return SharedFact(kind, key, revision, body, sealed)


def check_body(fact: SharedFact) -> None:
    """Refuse a body that no ledger writes. Raises Malformed with the reason."""
    _check(fact.body, 0)
    if fact.kind == "message" and fact.body is not None:
        _check_counts(fact.body)


def _check(value: Any, depth: int) -> None:
    """Refuse values that no ledger writes. Raises Malformed."""
    kind = type(value)
    if kind is str:
        if len(value) > _MAX_TEXT or _has_control(value):
            raise Malformed("bad text")
    elif kind is int:
        if not -_MAX_NUMBER <= value <= _MAX_NUMBER:
            raise Malformed("number out of range")
    elif kind is float:
        if not abs(value) < 1e15:
            raise Malformed("number out of range")
    elif kind is list:
        if depth > 6:
            raise Malformed("too deep")
        if len(value) > 2_000:
            raise Malformed("list too long")
        for item in value:
            _check(item, depth + 1)
    elif kind is dict:
        if depth > 6:
            raise Malformed("too deep")
        if len(value) > 200:
            raise Malformed("too many fields")
        for name, item in value.items():
            _check(name, depth + 1)
            _check(item, depth + 1)


def _check_counts(body: Any) -> None:
    if isinstance(body, dict):
        if "counts" not in body:
            return
        counts = body["counts"]
    else:
        counts = body[2] if isinstance(body, list) and len(body) in (7, 8) else None
    if not isinstance(counts, list) or len(counts) != 6:
        raise Malformed("a message has six counts")
    if not all(isinstance(n, int) and not isinstance(n, bool) and 0 <= n <= 10**9 for n in counts):
        raise Malformed("count out of range")


_has_control = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]").search
_has_half = re.compile("[\ud800-\udfff]").search


def _is_storable(text: str) -> bool:
    """True if every database takes a text: no control characters and no half characters."""
    return not _has_control(text) and (text.isascii() or not _has_half(text))
