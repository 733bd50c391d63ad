"""JSON bodies of requests."""

import asyncio
import json
from typing import Any

from starlette.requests import Request

from tachograph.errors import UsageError
from tachograph.ui.dashboard.envelope import to_json

BODY_SECONDS = 3.0  # our own pages send bodies at once
MAX_BODY = 4096  # bytes


class InvalidText(UsageError):
    """Text that cannot be stored: half of a surrogate pair."""


async def json_body(request: Request) -> Any:
    """The JSON of a body. Raises UsageError if it is not JSON, or takes too long."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            raw = await request.body()
    except TimeoutError:
        raise UsageError("The body of the request did not arrive.") from None
    try:
        value = json.loads(raw)
        to_json(value, "strict")
    except UnicodeEncodeError:  # half of a pair (\\ud800), which neither a hash nor the ledger takes
        raise InvalidText("The text holds half of a surrogate pair. Remove it.") from None
    except (ValueError, RecursionError):
        raise UsageError("The body of the request is not JSON.") from None
    return value
