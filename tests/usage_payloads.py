"""A usage payload as a reading."""

from tachograph.model.limits.limits import (
    OAUTH,
    Reading,
)
from tachograph.sources.usage_payload import parse_usage

AT = 1_795_435_200_000


RESET = "2026-11-23T14:20:00.288792+00:00"


WINDOW = {"utilization": 34.0, "resets_at": RESET}


def of(payload: object) -> Reading:
    return parse_usage(payload, source=OAUTH, observed_at=AT)


def percents(payload: object) -> dict[str, float | None]:
    return {limit.key: limit.percent for limit in of(payload).limits}
