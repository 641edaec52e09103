"""Bar charts as PNG, drawn by hand.

A drawing library would be a tenth of the gateway's image, for rectangles and digits. zlib, which Python has, is all
that the format asks for (https://www.w3.org/TR/png-3/).
"""

import struct
import zlib
from collections.abc import Sequence

Colour = tuple[int, int, int]

_SCALE = 3  # pixels for a dot of the font
_GLYPH = 6 * _SCALE  # pixels from one sign to the next
HEIGHT = 7 * _SCALE  # pixels of a line of text
# Seven rows of five dots, each row as a number in base 2.
_FONT = {
    "0": (14, 17, 19, 21, 25, 17, 14),
    "1": (4, 12, 4, 4, 4, 4, 14),
    "2": (14, 17, 1, 2, 4, 8, 31),
    "3": (31, 2, 4, 2, 1, 17, 14),
    "4": (2, 6, 10, 18, 31, 2, 2),
    "5": (31, 16, 30, 1, 1, 17, 14),
    "6": (6, 8, 16, 30, 17, 17, 14),
    "7": (31, 1, 2, 4, 8, 8, 8),
    "8": (14, 17, 17, 14, 17, 17, 14),
    "9": (14, 17, 17, 15, 1, 2, 12),
    ".": (0, 0, 0, 0, 0, 12, 12),
    "k": (16, 16, 18, 20, 24, 20, 18),
    "m": (0, 0, 26, 21, 21, 21, 21),
    "p": (0, 30, 17, 17, 30, 16, 16),
    "s": (0, 0, 15, 16, 14, 1, 30),
}


class Picture:
    """A canvas of `width` x `height` pixels; colours go by their place in the palette, and it begins in the first."""

    def __init__(self, width: int, height: int, palette: Sequence[Colour]) -> None:
        self.width, self.height = width, height
        self._palette = palette
        self._rows = [bytearray(width) for _ in range(height)]

    def box(self, x: int, y: int, width: int, height: int, colour: int) -> None:
        """A filled rectangle whose upper left corner is at x, y; it must lie within the canvas."""
        for row in self._rows[y : y + height]:
            row[x : x + width] = bytes([colour]) * width

    def text(self, x: int, y: int, text: str, colour: int, *, align: float = 0.0) -> None:
        """Digits and the few letters of the font. `align`: 0 begins at x, 1 ends there, 0.5 is centred."""
        x -= round(align * (len(text) * _GLYPH - _SCALE))
        for number, sign in enumerate(text):
            for row, dots in enumerate(_FONT[sign]):
                for column in range(5):
                    if dots & 16 >> column:
                        self.box(x + number * _GLYPH + column * _SCALE, y + row * _SCALE, _SCALE, _SCALE, colour)

    def png(self) -> bytes:
        """The picture as a file."""
        head = struct.pack(">IIBBBBB", self.width, self.height, 8, 3, 0, 0, 0)  # 8 bits a pixel, by palette
        colours = bytes(part for colour in self._palette for part in colour)
        rows = b"".join(b"\0" + row for row in self._rows)  # 0: the row as it is
        chunks = ((b"IHDR", head), (b"PLTE", colours), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
        return b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
            for kind, data in chunks
        )
