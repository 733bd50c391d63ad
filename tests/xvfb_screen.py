"""Pixels that an X server without a screen shows (Xvfb with -fbdir)."""

import struct
import zlib
from pathlib import Path

Colour = tuple[int, int, int]
Box = tuple[int, int, int, int]  # left, top, right, bottom


class Screen:
    """What Xvfb shows: its frame buffer is a file (XWD, see X11/XWDFile.h)."""

    def __init__(self, path: Path, display: str) -> None:
        self._path, self.display = path, display

    def rows(self, box: Box | None = None) -> tuple[int, int, list[list[Colour]]]:
        """Width, height and pixels of the screen, or of a part of it."""
        data = self._path.read_bytes()
        head = struct.unpack(">25I", data[:100])
        width, height, stride = head[4], head[5], head[12]
        start = head[0] + head[19] * 12
        left, top, right, bottom = box or (0, 0, width, height)
        made = []
        for y in range(top, bottom):
            line = data[start + y * stride + 4 * left : start + y * stride + 4 * right]
            made.append(list(zip(line[2::4], line[1::4], line[0::4], strict=True)))
        return right - left, bottom - top, made

    def count(self, colour: Colour, box: Box = (0, 0, 400, 34)) -> int:
        return sum(row.count(colour) for row in self.rows(box)[2])

    def save(self, path: Path) -> None:
        """As a PNG, for people."""
        width, height, rows = self.rows()
        raw = b"".join(b"\0" + b"".join(bytes(colour) for colour in row) for row in rows)

        def chunk(kind: bytes, data: bytes) -> bytes:
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

        head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        data = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)
