"""Parser for the text of Claude Code's command `/usage`: "Current week (Fable): 53% used · resets Sep 24 at 6pm (Asia/Seoul)".

Only the percentages of limits are read. The paragraphs on what drives usage are Claude Code's own estimate of this
machine's sessions, which the ledger holds in full.
"""

import re
from datetime import UTC, datetime, tzinfo

from tachograph.model.limits.limits import FIVE_HOUR, OK, SEVEN_DAY, SHAPE, Limit, Reading
from tachograph.model.limits.reset_text import reset_moment
from tachograph.model.parsing import limit_name, percentage, text

_LONGEST = 20_000
_LINE = re.compile(
    r"^[ \t]*Current (?P<window>session|week)(?: \((?P<scope>[^)\n]{1,60})\))?:[ \t]*(?P<percent>\d+(?:\.\d+)?)[ \t]*%"
    r"[ \t]*used(?P<rest>[^\n]*)$",
    re.MULTILINE | re.IGNORECASE,
)


def parse_usage_text(words: str, *, source: str, observed_at: int) -> Reading:
    """Parse the text of `/usage` (observed at epoch ms); outcome SHAPE if no line names a limit. Never raises."""
    zone = datetime.fromtimestamp(observed_at / 1000, UTC).astimezone().tzinfo
    limits = [_limit(line, observed_at, zone) for line in _LINE.finditer(words[:_LONGEST])]
    if not limits:
        return Reading(source, observed_at, SHAPE, problems=("the text of /usage names no limit that we know",))
    return Reading(source, observed_at, OK, limits=tuple({limit.key: limit for limit in limits}.values()))


def _limit(line: re.Match[str], at: int, zone: tzinfo | None) -> Limit:
    scope = text(line["scope"] or "").removesuffix(" only")
    key = FIVE_HOUR if line["window"].lower() == "session" else SEVEN_DAY
    if key == SEVEN_DAY and scope and scope.lower() != "all models":
        key = f"weekly_scoped:{scope.lower()}"
        name = limit_name(f"weekly_scoped:{scope}")
    else:
        name = limit_name(key)
    percent = percentage(float(line["percent"]))
    return Limit(key, name.label, name.group, percent, reset_moment(line["rest"], at, zone), scope=name.scope)
