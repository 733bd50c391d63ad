"""Verify and install a signed data file: new models, prices, plan names and limit changes between two releases.

A file is JSON: `payload` (base64 of the signed bytes) and `signature` (base64, Ed25519 over those bytes). The payload is
JSON again: `kind`, `serial` (an integer that only rises), `created` (a date), and the tables in TABLES. Nothing here
fetches a file: the person downloads it. Only the public keys below can sign one; while there is none, every file is
refused.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tachograph.errors import UsageError

# Hex of the release keys' public halves: the one in use, and the next one, so that keys can be rotated. No release key
# exists yet.
PUBLIC_KEYS: tuple[str, ...] = ()
KIND = "tachograph-data"
TABLES = ("prices", "plans", "limit_changes")
MOST_BYTES = 1 << 20
MOST_LETTERS = 200  # of one text
MOST_DEPTH = 12
MOST_VALUES = 20_000
MOST_SERIAL = 10**9  # a higher one could never be followed by another


class DataUpdate(NamedTuple):
    """A verified payload: its serial, its date (YYYY-MM-DD), and tables by name."""

    serial: int
    created: str
    tables: Mapping[str, Any]


def read(path: str, installed_serial: int, keys: Sequence[str] | None = None) -> DataUpdate:
    """The verified update in a file. Raises UsageError with the reason and the next step.

    `installed_serial`: of the update in use, 0 without one.
    """
    keys = PUBLIC_KEYS if keys is None else keys
    if not keys:
        raise UsageError(
            "This version of Tachograph has no release key yet, so it cannot verify a data file.",
            "Put your own prices into settings.toml, or install a newer version.",
        )
    update = _update(_verified(_bytes(path), keys))
    if update.serial <= installed_serial:
        raise UsageError(
            f"The data file has serial {update.serial}; serial {installed_serial} is installed already.",
            "An older or equal file is never installed.",
        )
    return update


def _without_unusable_prices(update: DataUpdate) -> tuple[DataUpdate, tuple[str, ...]]:
    """The update without prices that this version can't use, and a sentence for each of them."""
    from tachograph.model.usage.prices import load

    given = update.tables.get("prices", {})
    if not isinstance(given, dict):
        others = {name: table for name, table in update.tables.items() if name != "prices"}
        return update._replace(tables=others), ("prices was left out: it is not a table",)
    found = {name: load(None, {name: table})[1] for name, table in given.items()}
    usable = {name: table for name, table in given.items() if not found[name]}
    problems = tuple(problem for one in found.values() for problem in one)
    return (update._replace(tables={**update.tables, "prices": usable}) if problems else update), problems


def without_unusable_rows(update: DataUpdate) -> tuple[DataUpdate, tuple[str, ...]]:
    """The update without what this version can't use, and a sentence for each part that was left out."""
    from tachograph.model.estimates import learner
    from tachograph.model.limits import plans

    update, problems = _without_unusable_prices(update)
    for name, use in (("plans", plans.use_update), ("limit_changes", learner.use_update)):
        rows = update.tables.get(name, [])
        usable = [row for row in rows if not use([row])] if isinstance(rows, list) else []
        problems += use(rows)
        use(usable)
        if name in update.tables:
            update = update._replace(tables={**update.tables, name: usable})
    return update, problems


def installed(path: str) -> DataUpdate | None:
    """The update in use; None without one. It was verified when it was installed, and lies in our private folder."""
    try:
        document = json.loads(_bytes(path))
        return DataUpdate(int(document["serial"]), str(document["created"]), dict(document["tables"]))
    except (UsageError, ValueError, KeyError, TypeError, RecursionError):
        return None


def install(path: str, update: DataUpdate) -> None:
    """Replace the installed update in one step. Raises UsageError if the folder cannot be written."""
    new = f"{path}.new"
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(update._asdict(), file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}.", "Check the folder, then try again.") from error


def _bytes(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    if len(data) > MOST_BYTES:
        raise UsageError(f"{path} is larger than {MOST_BYTES} bytes, so it is no data file.")
    return data


def _verified(data: bytes, keys: Sequence[str]) -> bytes:
    """The signed bytes of a file, once one key verifies them."""
    import base64
    import binascii

    try:
        envelope = json.loads(data)
        payload = base64.b64decode(envelope["payload"], validate=True)
        signature = base64.b64decode(envelope["signature"], validate=True)
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error):
        raise UsageError("The file is no data file.", "Download it again.") from None
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        raise UsageError(
            "Verifying a data file needs the package cryptography.", "Install it: pip install 'tachograph[update]'"
        ) from None
    for key in keys:
        try:
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(signature, payload)
        except InvalidSignature:
            continue
        return payload
    raise UsageError(
        "The signature of the data file is not from a release key.",
        "Do not use it: download it from the project again.",
    )


def _update(payload: bytes) -> DataUpdate:
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or document.get("kind") != KIND:
        raise UsageError("The signed file holds no data for Tachograph.")
    serial, created = document.get("serial"), document.get("created")
    if not isinstance(serial, int) or isinstance(serial, bool) or not 1 <= serial <= MOST_SERIAL:
        raise UsageError(f"The data file has no serial number from 1 to {MOST_SERIAL}.")
    if not isinstance(created, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", created):
        raise UsageError("The data file has no date.")
    tables = {name: _bounded(document[name]) for name in TABLES if name in document}
    return DataUpdate(serial, created, tables)


def _bounded(table: object) -> object:
    """A table with every text printable and short. Raises UsageError if it is deeper or larger than data files are."""
    left = MOST_VALUES

    def walk(value: object, depth: int) -> object:
        nonlocal left
        left -= 1
        if depth > MOST_DEPTH or left < 0:
            raise UsageError("The data file holds more than a data file may.")
        if isinstance(value, str):
            return "".join(c for c in value[:MOST_LETTERS] if c.isprintable())
        if isinstance(value, list):
            return [walk(one, depth + 1) for one in value]
        if isinstance(value, dict):
            return {str(walk(key, depth + 1)): walk(one, depth + 1) for key, one in value.items()}
        return value

    return walk(table, 0)
