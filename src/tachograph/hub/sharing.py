"""Levels of sharing: the part of a fact that the hub may read, and the part that only the person's machines can open.

    mine     everything, in the clear: a hub of one's own
    names    time, counts, model, the last folder name of the project, the pull request's address, plan and limits
    counts   the same with project and pull request as HMACs under the person's key

At `names` and `counts` the rest also travels sealed under the person's key, which the hub never holds, and keys as HMACs;
so the union stays exact at every level. Whole parcels are sealed at once (`parcels.py`); hubs and folders with an older
Tachograph get facts that are sealed one by one (`outgoing`).
"""

import base64
import hashlib
import hmac
import json
import secrets
import zlib
from typing import Any

from tachograph.errors import TachographError
from tachograph.hub import wire
from tachograph.hub.readable import account_mark, request_mark
from tachograph.hub.wire import SharedFact
from tachograph.ledger.exchange.facts import Fact
from tachograph.model.usage.messages import NO_TIME, is_billed

MINE, NAMES, COUNTS = "mine", "names", "counts"
LEVELS = (MINE, NAMES, COUNTS)
_PARCEL = b"parcel"  # what a sealed text is, so that none can be taken for another kind
_PACKED = b"\1"  # before a value that was compressed
_MAX_PLAIN = 8 << 20
# What facts usually consist of, for the compressor; a change makes earlier values unreadable.
_USUAL = (
    b'["message","req_011C","first_at","last_at","observed_at","confirmed_at","breakdown","problems","banked","detail",'
    b'"columns","rows","levels","five_hour","seven_day","statusline","span","titles","prompt","leaf","clears",'
    b'"claude-opus-4-8","claude-opus-5-5","claude-sonnet-4-6","claude-haiku-4-5-20251001","claude-sonnet-5-5",'
    b'"standard","global","end_turn","stop_sequence","tool_use","main","master","HEAD","/home/","/Users/","/.claude","@",'
    b'4611686018427387904,0,"",0,0],-1,[-1,17,"","",""],{"":0},[17,17,"req_011C","",[]]]]'
)
_WIDTH = {MINE: 2, NAMES: 1, COUNTS: 0}


def is_wider(level: str, other: str) -> bool:
    """True if the hub can read more at `level` than at `other`."""
    return _WIDTH[level] > _WIDTH[other]


class PersonKey:
    """The secret that a person's machines have in common, and the keys derived from it."""

    def __init__(self, text: str) -> None:
        """Raises TachographError for a text that is no key."""
        try:
            self._secret = base64.b32decode(text.replace("-", "").upper())
        except ValueError:
            self._secret = b""
        if len(self._secret) != 20:
            raise TachographError(
                "That is not a key of your machines.", "Show it on another machine: tachograph machines --key"
            )
        self.text = text
        self._seal_key = self._derive(b"seal")
        self._name_key = self._derive(b"name")
        self._nonce_key = self._derive(b"nonce")
        self._mark_key = self._derive(b"mark")

    @staticmethod
    def new() -> "PersonKey":
        text = base64.b32encode(secrets.token_bytes(20)).decode().rstrip("=")
        return PersonKey("-".join(text[i : i + 4] for i in range(0, len(text), 4)))

    @property
    def check(self) -> str:
        """A mark by which the hub tells that two machines have the same key; it opens nothing."""
        return self._derive(b"check").hex()[:16]

    def name(self, kind: str, text: str) -> str:
        """A text as an HMAC that only the person's machines can recognize."""
        made = hmac.new(self._name_key, f"{kind}\0{text}".encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
        return base64.b32encode(made[:15]).decode().lower()

    def seal(self, label: str, value: Any) -> str:
        """Encrypt a value for the person's machines. Raises TachographError without the package `cryptography`.

        The nonce follows from label and value under a key of its own (RFC 5297 calls that a synthetic one): the same value
        gives the same text, so the hub recognizes a fact that arrives again, and two values never share a nonce.
        """
        plain = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
        packer = zlib.compressobj(6, wbits=-15, zdict=_USUAL)
        plain = _PACKED + packer.compress(plain) + packer.flush()
        nonce = hmac.new(self._nonce_key, label.encode() + b"\0" + plain, hashlib.sha256).digest()[:12]
        return base64.b64encode(nonce + _cipher(self._seal_key).encrypt(nonce, plain, label.encode())).decode()

    def mark(self, kind: str, name: str, body: Any) -> str:
        """A keyed checksum of a fact, of 48 bits: equal for equal facts, and only the person's machines can make it."""
        text = json.dumps([kind, name, body], separators=(",", ":")).encode()
        return base64.b64encode(hashlib.blake2b(text, key=self._mark_key, digest_size=6).digest()).decode()

    def seal_text(self, document: Any) -> str:
        """Encrypt a whole parcel, as base64. Raises TachographError without the package `cryptography`."""
        plain = wire.compress(document, zlib.compressobj(6, zlib.DEFLATED, -15, 9, zdict=_USUAL), "surrogatepass")
        nonce = hmac.new(self._nonce_key, b"parcel\0" + plain, hashlib.sha256).digest()[:12]
        return base64.b64encode(nonce + _cipher(self._seal_key).encrypt(nonce, plain, _PARCEL)).decode()

    def open_text(self, sealed: str) -> Any:
        """Decrypt a parcel. Raises ValueError for one that was sealed with another key or changed."""
        data = base64.b64decode(sealed, validate=True)
        unpacker = zlib.decompressobj(-15, zdict=_USUAL)
        try:
            plain = unpacker.decompress(self._decrypt(data, _PARCEL), wire.MAX_PLAIN_BYTES)
        except zlib.error as error:
            raise ValueError("not a parcel") from error
        return json.loads(plain.decode("utf-8", "surrogatepass"))

    def _decrypt(self, data: bytes, label: bytes) -> bytes:
        from cryptography.exceptions import InvalidTag

        try:
            return bytes(_cipher(self._seal_key).decrypt(data[:12], data[12:], label))
        except InvalidTag as error:
            raise ValueError("sealed with another key") from error

    def open(self, label: str, sealed: str) -> Any:
        """Decrypt a value. Raises ValueError for one that was sealed with another key or changed."""
        plain = self._decrypt(base64.b64decode(sealed, validate=True), label.encode())
        if plain.startswith(_PACKED):
            unpacker = zlib.decompressobj(-15, zdict=_USUAL)
            plain = unpacker.decompress(plain[1:], _MAX_PLAIN)
        return json.loads(plain.decode("utf-8", "surrogatepass"))

    def _derive(self, purpose: bytes) -> bytes:
        return hmac.new(self._secret, b"tachograph " + purpose, hashlib.sha256).digest()


def _cipher(key: bytes) -> Any:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
    except ImportError as error:
        raise TachographError(
            "Sharing at this level needs the package cryptography, which is not installed.",
            "pipx inject tachograph cryptography, or share with --share mine on a hub of your own.",
        ) from error
    return ChaCha20Poly1305(key)


def outgoing(fact: Fact, level: str, key: PersonKey) -> SharedFact:
    """A fact exactly as it leaves this machine."""
    if level == MINE:
        body = fact.body
        if fact.kind == "message":
            body = [*body, [last_folder(fact.project), fact.pull, account_mark(fact.account)]]
        return SharedFact(fact.kind, fact.key, fact.revision, body, "")
    name = key.name(fact.kind, fact.key)
    return SharedFact(
        fact.kind,
        name,
        fact.revision,
        open_part(fact, level, key),
        key.seal(f"{fact.kind} {name}", [fact.key, fact.body]),
    )


def incoming(shared: SharedFact, key: PersonKey) -> Fact:
    """A fact of another machine. Raises ValueError for one that this key doesn't open."""
    if not shared.sealed:
        body = shared.body[:7] if shared.kind == "message" and isinstance(shared.body, list) else shared.body
        return Fact(shared.kind, shared.key, shared.revision, body)
    name, body = key.open(f"{shared.kind} {shared.key}", shared.sealed)
    return Fact(shared.kind, str(name), shared.revision, body)


def open_part(fact: Fact, level: str, key: PersonKey) -> Any:
    """The part of a fact that the hub may read; None if it may read nothing."""
    if fact.kind == "message":
        identity, at, counts, logged, (output, chosen_at, origin), _, trace = fact.body
        model, speed, geo, stop = origin[:4]
        project = last_folder(fact.project)
        return {
            "id": identity,  # a fingerprint of Anthropic's random ids: equal for the same answer, opens nothing
            "request": request_mark(trace[3]),
            "chosen": None if chosen_at == NO_TIME else chosen_at,
            "billed": is_billed(stop, -output),
            "account": account_mark(fact.account),
            "pull": fact.pull if level == NAMES or not fact.pull else key.name("pull", fact.pull),
            "at": None if at == NO_TIME else at,
            "counts": counts,
            "cost": None if logged < 0 else logged,
            "model": model,
            "speed": speed,
            "geo": geo,
            "project": project if level == NAMES or not project else key.name("project", project),
        }
    if fact.kind == "link":
        _, url, at, _, _, number, _ = fact.body
        is_named = level == NAMES
        return {"url": url if is_named else key.name("pull", url), "at": at, "number": number if is_named else 0}
    if fact.kind == "reading":
        columns = fact.body["levels"]["columns"]
        wanted = [columns.index(name) for name in ("key", "percent", "resets_at", "label") if name in columns]
        return {
            "source": fact.body["source"],
            "at": fact.body["confirmed_at"],
            "account": account_mark("|".join(fact.body["account"])),
            "plan": fact.body["plan"],
            "levels": [[row[place] for place in wanted] for row in fact.body["levels"]["rows"]],
        }
    return None


def last_folder(path: str) -> str:
    """The last folder name of a path."""
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2]
