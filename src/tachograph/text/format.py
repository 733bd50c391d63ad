"""The one place where numbers, times, durations and unknowns become strings, and where foreign text is made safe."""

from __future__ import annotations

from tachograph.lean_typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date, datetime

UNKNOWN = "–"


def count(n: int) -> str:
    return f"{n:,}"


def tokens(n: int) -> str:
    """38.2 M, 1,020 M, 512 k, 87: three figures if possible."""
    if n < 1000:
        return str(n)
    for size, unit in ((1_000, "k"), (1_000_000, "M")):
        value = n / size
        if value < 999.5 or unit == "M":
            return f"{value:,.0f} {unit}" if value >= 99.95 else f"{value:.1f} {unit}"
    raise AssertionError


def usd(value: float | None) -> str:
    """$41.20; a cost above zero never shows as $0.00; a dash without a price."""
    if value is None:
        return UNKNOWN
    return "<$0.01" if 0 < value < 0.005 else f"${value:,.2f}"


def percent(share: float) -> str:
    """A share of 0 to 1 as a whole percent, for a cell; in a sentence it is `under 1 %` (text/attribution.py)."""
    return "<1 %" if 0 < share < 0.005 else f"{share * 100:.0f} %"


def size(n: int) -> str:
    """Bytes for people: 12.4 MB."""
    value = float(n)
    for unit in ("bytes", "kB", "MB"):
        if value < 999.5:
            return f"{value:.0f} {unit}" if unit == "bytes" or value >= 99.95 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:,.1f} GB"


def limit_name(label: str) -> str:
    """`5-hour limit`, `Monthly spend limit`, `Extra usage`: the name of a limit within a sentence."""
    is_whole = label.lower().endswith(("limit", "usage", "credits", "balance", "allocation"))
    return label if is_whole else f"{label} limit"


def plural(n: int, one: str, many: str = "") -> str:
    return f"{count(n)} {one if n == 1 else many or one + 's'}"


DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def day_month(day: date) -> str:
    """22 Nov."""
    return f"{day.day} {MONTHS[day.month - 1]}"


def month_name(month: int) -> str:
    """Short English name of a month, 1 to 12."""
    return MONTHS[month - 1]


def ago(seconds: float) -> str:
    """14 min ago; a moment in the future counts as now."""
    return f"{duration(max(0.0, seconds))} ago"


def weekday(moment: date) -> str:
    """Mon; English in every locale, which strftime is not."""
    return DAYS[moment.weekday()]


def day_and_time(moment: datetime, now: datetime) -> str:
    """Sun 22 Nov 21:40; with the year if it is another one."""
    year = "" if moment.year == now.year else f" {moment.year}"
    return f"{weekday(moment)} {moment.day:2d} {MONTHS[moment.month - 1]}{year} {moment:%H:%M}"


def duration(seconds: float) -> str:
    """1 h 52 min; 14 min; 9 s; 3 d 4 h."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes = whole // 60
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1440} d {minutes // 60 % 24} h"


_BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: list[float]) -> str:
    """One bar for each value, scaled to the largest; nothing at all is the lowest bar."""
    most = max(values, default=0)
    if most <= 0:
        return _BARS[0] * len(values)
    return "".join(_BARS[0] if v <= 0 else _BARS[max(1, min(7, round(v / most * 7)))] for v in values)


def ascii_sparkline(values: list[float]) -> str:
    """The same where the output cannot carry block characters."""
    most = max(values, default=0)
    return "".join("_" if v <= 0 or most <= 0 else ".:-=+*#"[max(0, min(6, round(v / most * 6)))] for v in values)


# -- foreign text ----------------------------------------------------------------------------------------------

# Marks that change the direction or the look of what follows, and so could make a row say what it does not.
_INVISIBLE = frozenset(
    (
        *range(0x200B, 0x2010),
        *range(0x2028, 0x202F),
        *range(0x2060, 0x2070),
        0x061C,
        0x00AD,
        0xFEFF,
        *range(0xFFF9, 0xFFFC),
    )
)


def safe(text: str) -> str:
    """Text that only is what it looks like: control, bidirectional and invisible characters become escapes."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char if char == " " or (char.isprintable() and ord(char) not in _INVISIBLE) else _escape(char) for char in text
    )


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


_NARROW = frozenset("–—‘’“”…·×≤≥─│█▉▊▋▌▍▎▏░▁▂▃▄▅▆▇")  # what our own screens hold beside letters of Latin


def width(text: str) -> int:
    """Number of columns that a terminal gives to a (safe) text."""
    if text.isascii() or (text.isprintable() and all(char < "\u0300" or char in _NARROW for char in text)):
        return len(text)
    from wcwidth import wcswidth  # 10 ms and more: only for names that are not plain ASCII

    return max(0, wcswidth(text))


def fold(text: str, room: int | None, hang: str = "") -> list[str]:
    """A sentence in as many lines as it needs on a terminal, in one elsewhere; `hang` stands before all but the first."""
    if room is None or width(text) <= room:
        return [text]
    indent = text[: len(text) - len(text.lstrip())]
    lines: list[str] = []
    line = ""
    for word in text.strip().split(" "):
        start = hang if lines else indent
        if line and width(f"{start}{line} {word}") > room:
            lines.append(start + line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, (hang if lines else indent) + line]


def cut_middle(text: str, most: int) -> str:
    """A text shortened in its middle to a number of columns: its end tells as much as its beginning."""
    if width(text) <= most:
        return text
    end = ""
    for char in reversed(text):
        if width(char + end) > most // 2:
            break
        end = char + end
    return cut(text, most - width(end)) + end


def cut(text: str, most: int) -> str:
    """A text shortened to a number of columns, with … in place of the rest."""
    if width(text) <= most:
        return text
    kept = ""
    for char in text:
        if width(kept + char) > most - 1:
            break
        kept += char
    return kept.rstrip() + "…"


def iso(at: int | None) -> str | None:
    """A moment for programs: 2026-11-21T14:03:22.123Z; None for an unknown or impossible one."""
    if at is None:
        return None
    from tachograph.lean_datetime import UTC, datetime, timedelta  # not for a status line

    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)
    except OverflowError:
        return None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
