"""Handle a browser's requests: pairing, proof of identity, readings into the ledger.

A code is shown once and typed into one browser. Both sides stretch it to a key; each shows the other that it has it,
and the browser receives a token. Later the browser asks for a proof before every post: another program on the port
cannot give it, and learns nothing.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from tachograph.clock import Clock
from tachograph.ledger.limits import accounts, billing, pairings, readings
from tachograph.ledger.limits.pairings import Pairing
from tachograph.ledger.storage.connection import Ledger
from tachograph.ledger.usage.strings import Strings
from tachograph.model.limits.limits import BROWSER, EXPIRED, OK, Reading
from tachograph.model.parsing import text
from tachograph.sources import extension as source
from tachograph.sources.extension import BrowserPost, RejectedPost

# The key in extension/manifest.json makes this id of every copy that is loaded unpacked, on every machine.
CHROMIUM_ORIGIN = "chrome-extension://hloffgminaeghcmbaoghkmijjofodccp"
_FIREFOX = re.compile(r"moz-extension://[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # another one in each profile
ROUNDS = 100_000
SALT = b"tachograph pairing 1"
BETWEEN_SECONDS = 0.5  # two posts of one browser; it sends one each minute
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # without what is read wrongly
_NONCE = re.compile(r"[0-9a-f]{32,128}")

LedgerOpener = Callable[[], AbstractContextManager[Ledger]]


class Reply(NamedTuple):
    status: int
    body: dict[str, Any]


def new_code() -> str:
    """A code for people: 60 bits, in three groups."""
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(12))
    return "-".join(letters[start : start + 4] for start in (0, 4, 8))


def key_of(code: str) -> bytes:
    """Key that both sides derive from a code. Slow on purpose: a captured proof must not reveal the code."""
    plain = "".join(character for character in code.upper() if character.isalnum())
    return hashlib.pbkdf2_hmac("sha256", plain.encode(), SALT, ROUNDS)


def compute_proof(key: bytes, side: str, nonce: str) -> str:
    """Proof that a side has the key."""
    return hmac.new(key, f"{side}:{nonce}".encode(), "sha256").hexdigest()


def offer_code(ledger: Ledger, now_ms: int) -> str:
    """Begin a pairing; the code to show. Raises LedgerError."""
    code = new_code()
    key = key_of(code)
    with ledger.transaction() as db:
        pairings.offer(db, key, now_ms)
    return code


class ExtensionApi:
    """Answer the requests that the extension service lets through. `opened` gives a ledger for the time of one answer; `changed` is called
    when there is a new pairing."""

    def __init__(self, opened: LedgerOpener, clock: Clock, changed: Callable[[], None]) -> None:
        self._opened, self._clock, self._changed = opened, clock, changed
        self._posted: dict[int, float] = {}

    def prove_pairing(self, body: bytes) -> Reply:
        """Prove to a paired browser that this is the recorder it was paired with."""
        said = _parse_request(body, "pairing")
        if isinstance(said, Reply):
            return said
        nonce, name = said["nonce"], said["pairing"]
        with self._opened() as ledger:
            found = next((one for one in pairings.pairings(ledger.db) if one.name == name), None)
        if found is None:
            return Reply(410, {"error": "This pairing is not known (any more)."})
        return Reply(200, {"proof": compute_proof(found.digest, "bridge", nonce)})

    def prove_code(self, body: bytes) -> Reply:
        """Prove to a browser in pairing that we know the code."""
        said = _parse_request(body)
        if isinstance(said, Reply):
            return said
        with self._opened() as ledger:
            key = pairings.current_offer(ledger.db, self._clock.now_ms())
        if key is None:
            return Reply(409, {"error": "No pairing is under way: tachograph pair begins one."})
        return Reply(200, {"proof": compute_proof(key, "bridge", said["nonce"])})

    def pair(self, body: bytes, origin: str) -> Reply:
        """Give a browser that has the code a token of its own."""
        said = _parse_request(body, "proof")
        if isinstance(said, Reply):
            return said
        nonce, shown = said["nonce"], said["proof"]
        if not may_pair(origin):
            return Reply(403, {"error": "Only the extension can be paired."})
        now = self._clock.now_ms()
        with self._opened() as ledger, ledger.transaction() as db:
            key = pairings.current_offer(db, now)
            if key is None:
                return Reply(409, {"error": "No pairing is under way: tachograph pair begins one."})
            if not hmac.compare_digest(compute_proof(key, "browser", nonce).encode(), shown.encode("utf-8", "replace")):
                pairings.count_try(db)
                return Reply(401, {"error": "That is not the code."})
            token, name = secrets.token_urlsafe(32), secrets.token_hex(8)
            browser = text(said.get("browser"), 40) or "A browser"
            pairings.add(db, name, hashlib.sha256(token.encode()).digest(), origin, browser, now)
            pairings.withdraw(db, key)
        self._changed()
        return Reply(200, {"pairing": name, "token": token})

    def receive(self, name: str, body: bytes) -> Reply:
        """Store the readings of a paired browser."""
        now = self._clock.now_ms()
        said = source.parse_post(body, now)
        if isinstance(said, RejectedPost):
            return _rejection(said)
        with self._opened() as ledger:
            pairing = next((one for one in pairings.pairings(ledger.db) if one.name == name), None)
            if pairing is None:  # it was revoked a moment ago
                return Reply(401, {"error": "This pairing is not known (any more)."})
            mono = self._clock.monotonic()
            if 0 <= mono - self._posted.get(pairing.id, float("-inf")) < BETWEEN_SECONDS:
                return Reply(429, {"error": "Once a minute is enough."})
            self._posted[pairing.id] = mono
            store_post(ledger, pairing, said, now)
        return Reply(200, {"kept": len(said.reports)})


def store_post(ledger: Ledger, pairing: Pairing, said: BrowserPost, now: int) -> None:
    """Store a browser's post in the ledger. Raises LedgerError."""
    with ledger.transaction() as db:
        names = Strings(db)
        is_same = _family(said.browser) == _family(pairing.browser)  # a newer version of it, and no other one
        pairings.note_post(db, pairing.id, now, said.browser if is_same else "")
        here = set()
        for report in said.reports:
            account = readings.append(db, names, report.reading)
            here.add(account)
            if report.reading.outcome == OK:
                accounts.learn(db, account, report.label, report.reading.plan or "")
                pairings.sight(db, pairing.id, account, report.reading.observed_at)
            if report.billing is not None:
                billing.keep(db, account, report.billing)
        if said.outcome in (OK, EXPIRED):  # a complete list of who is signed in
            pairings.miss(db, pairing.id, here, now)
        if said.outcome != OK:
            for seen in pairings.sightings(db):
                if seen.pairing == pairing.id and (seen.gone_at is None or seen.gone_at == now):
                    id = accounts.named(db, seen.account)
                    if id is not None:
                        readings.append(db, names, Reading(BROWSER, now, said.outcome, account=id))


def _family(browser: str) -> str:
    return browser.rpartition(" ")[0]


def may_pair(origin: str) -> bool:
    """Check that an origin can be our extension's. Firefox gives every copy an origin of its own."""
    return origin == CHROMIUM_ORIGIN or _FIREFOX.fullmatch(origin) is not None


def _parse_request(body: bytes, *more: str) -> dict[str, Any] | Reply:
    """Parse a request with a nonce and the texts named in `more`; otherwise return the error reply."""
    said = source.decode_object(body)
    if isinstance(said, RejectedPost):
        return _rejection(said)
    if not isinstance(said.get("nonce"), str) or not _NONCE.fullmatch(said["nonce"]):
        return Reply(422, {"error": "A nonce of 32 to 128 hexadecimal digits is asked for."})
    if missing := next((name for name in more if not isinstance(said.get(name), str)), ""):
        return Reply(422, {"error": f"A {missing} is asked for."})
    return dict(said)


def _rejection(wrong: RejectedPost) -> Reply:
    return Reply(wrong.status, {"error": wrong.sentence})
