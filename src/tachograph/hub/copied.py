"""Notice that a data folder was copied to another machine, and make the copy a machine of its own.

A copy has the same token and the same ids as its original: neither would see what the other sends.
"""

import hashlib
import os
import secrets

from tachograph.errors import TachographError
from tachograph.hub.membership import Membership
from tachograph.hub.transport import HttpTransport, local_name
from tachograph.paths import Paths


def place(paths: Paths) -> list[str]:
    """Marks of where a data folder is: the machine, the path, and the folder on its disk."""
    try:
        with open("/etc/machine-id", encoding="ascii") as file:
            machine = file.read(64).strip()
    except (OSError, UnicodeDecodeError):
        machine = ""
    try:
        inode = os.stat(paths.data).st_ino
    except OSError:
        inode = 0
    marks = (machine or local_name(), os.path.realpath(paths.data), str(inode))
    return [hashlib.sha256(mark.encode("utf-8", "surrogatepass")).hexdigest()[:16] for mark in marks]


def is_copied(membership: Membership, paths: Paths) -> bool:
    """True if two of the three marks differ: a folder that was only moved, or a renamed machine, is no copy."""
    if not membership.place:
        return False
    return sum(a != b for a, b in zip(membership.place, place(paths), strict=True)) >= 2


def as_another_machine(membership: Membership, paths: Paths) -> Membership:
    """Join once more, by the right of the original. Raises TachographError; then nothing was changed."""
    found = membership._replace(ledger="", revision=0, place=place(paths))
    if membership.is_folder:
        return found._replace(machine=secrets.token_hex(6), name=local_name())
    transport = HttpTransport(membership.url, membership.token, membership.certificate)
    try:
        invited = transport.request("POST", "invite", {})
        code, check = str(invited.body.get("code", "")), membership.person_key.check
        joined = transport.join(code, local_name(), membership.share, check) if invited.is_ok else invited
    finally:
        transport.close()
    if not joined.is_ok:
        raise TachographError(
            f"This data folder is a copy of another machine's, and can't join as one of its own: {joined.problem.rstrip('.')}.",
            "Leave and join again: tachograph leave",
        )
    body = joined.body
    return found._replace(machine=str(body["machine"]), name=str(body["name"]), token=str(body["token"]))
