"""The readable part of facts: a message as it counts for a team, and the limits of a reading.

A fact arrives in the form of its level of sharing (`sharing.py`); both forms give the same values here.
"""

import hashlib
from typing import Any, NamedTuple

from tachograph.hub.wire import Malformed, SharedFact
from tachograph.model.usage.messages import NO_TIME, is_billed
from tachograph.model.usage.prices import tariff

TRANSCRIPT, TELEMETRY = 0, 1  # source of a message
_IDENTITY = (1 << 62) - 1


class TeamMessage(NamedTuple):
    """A billed answer. Times in epoch milliseconds, None if unknown; texts "" if unknown.

    `chosen_at`: time of the copy that the texts come from; with the output it decides which of several copies they
    come from. `request`: mark of the request's id, 0 if unknown. `counts`: the six counts. `logged`: nanodollars that an
    old Claude Code wrote itself, -1 if it did not.
    """

    identity: int
    at: int | None
    chosen_at: int | None
    request: int
    model: str
    tariff: int
    project: str
    pull_request: str
    account: str
    counts: tuple[int, ...]
    logged: int
    is_billed: bool
    source: int = TRANSCRIPT

    @property
    def choice(self) -> tuple[Any, ...]:
        """Orders copies by what decides for their texts: most output, then earliest, then smallest."""
        return (-self.counts[1], self.chosen_at is None, self.chosen_at or 0, self.model, self.tariff, self.project)

    @property
    def measures(self) -> tuple[int, ...]:
        """The measures of the totals (`schema.MEASURES`)."""
        if not self.is_billed:
            return (0,) * 9
        return (1, *self.counts, int(self.logged >= 0), max(0, self.logged))


class LimitReading(NamedTuple):
    """A limit of an account, as a machine observed it. `member` and `machine` are known once the hub has stored it."""

    account: str
    key: str
    label: str
    plan: str
    percent: float | None
    resets_at: int | None
    observed_at: int
    source: str
    machine: str = ""
    member: int = 0


def merge(a: TeamMessage, b: TeamMessage) -> TeamMessage:
    """Join two copies of one message; the order doesn't matter. A known pull request or account wins over none."""
    first = a if a.choice <= b.choice else b
    counts = tuple(map(max, a.counts, b.counts))
    times = [at for at in (a.at, b.at) if at is not None]
    return first._replace(
        at=min(times) if times else None,
        request=max(a.request, b.request),
        pull_request=b.pull_request or a.pull_request,
        account=b.account or a.account,
        counts=counts,
        logged=max(a.logged, b.logged),
        is_billed=a.is_billed or b.is_billed or counts[1] > 0,
        source=min(a.source, b.source),
    )


def message_of(fact: SharedFact) -> TeamMessage | None:
    """The message of a fact; None if the hub may not read it. Raises Malformed."""
    body = fact.body
    try:
        if isinstance(body, list):
            identity, at, counts, logged, (output, chosen_at, origin), _, trace, *more = body
            model, speed, geo, stop = origin[:4]
            project, pull, account = more[0] if more else ("", "", "")
            billed, request = is_billed(stop, -output), request_mark(trace[3])
        elif isinstance(body, dict) and {"id", "counts"} <= body.keys():
            identity, at, counts, logged = body["id"], body["at"], body["counts"], body["cost"]
            chosen_at, model, speed, geo = body["chosen"], body["model"], body["speed"], body["geo"]
            project, pull, account = body["project"], body["pull"], body["account"]
            billed, request = bool(body["billed"]), body["request"]
        else:
            return None
        counts = tuple(map(int, counts))
        prompt = counts[0] + counts[2] + counts[3] + counts[4]
        return TeamMessage(
            int(identity) & _IDENTITY, _time(at), _time(chosen_at), int(request) & (1 << 62) - 1, str(model),
            tariff(str(speed), str(geo), prompt), str(project), str(pull), str(account), counts,
            -1 if logged is None else int(logged), billed,
        )  # fmt: skip
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise Malformed("not a message") from error


def identity_of(fact: SharedFact) -> int | None:
    """The identity of a message; None for another fact, or one that the hub may not read."""
    if fact.kind != "message":
        return None
    body = fact.body
    found = body[0] if isinstance(body, list) and body else body.get("id") if isinstance(body, dict) else None
    return found & _IDENTITY if isinstance(found, int) else None


def _time(value: Any) -> int | None:
    """A time; None for one that is unknown or impossible."""
    if value is None or not isinstance(value, int) or value == NO_TIME or not 0 <= value < 1 << 45:
        return None
    return value


def limits_of(fact: SharedFact) -> list[LimitReading]:
    """The limits of a reading; none if the hub may not read it. Raises Malformed."""
    body = fact.body
    if not isinstance(body, dict):
        return []
    try:
        if "confirmed_at" in body:
            columns = body["levels"]["columns"]
            places = [columns.index(name) for name in ("key", "percent", "resets_at", "label")]
            rows = [[row[place] for place in places] for row in body["levels"]["rows"]]
            account, at = account_mark("|".join(body["account"])), body["confirmed_at"]
        else:
            rows, account, at = body["levels"], body["account"], body["at"]
        plan, source = str(body["plan"] or ""), str(body["source"])
        return [
            LimitReading(
                str(account), str(key), str(label), plan, None if percent is None else float(percent),
                None if resets_at is None else int(resets_at), int(at), source,
            )
            for key, percent, resets_at, label in rows
        ]  # fmt: skip
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise Malformed("not a reading") from error


def account_mark(account: str) -> str:
    """A mark of an account ("uuid|organization"), equal on every machine; "" for none. The ids are random."""
    return (
        hashlib.sha256(f"account {account}".encode("utf-8", "replace")).hexdigest()[:16] if account.strip("|") else ""
    )


def request_mark(request: str) -> int:
    """A mark of a request's id, by which the same answer is recognized in telemetry; 0 for none."""
    return int(hashlib.sha256(f"request {request}".encode("utf-8", "replace")).hexdigest()[:15], 16) if request else 0
