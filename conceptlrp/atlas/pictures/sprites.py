"""Thumbnails of all channels of a layer in one small PNG picture.

Shapes use C channels and n x n squares.
"""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from conceptlrp.drawing.colors import symmetric_limit, to_rgb


def sprite(maps: NDArray[np.floating], *, columns: int) -> NDArray[np.uint8]:
    """Lay the maps of channels out in rows, each coloured to its own limit.

    Shapes: `maps` (C, n, n). Returns (rows * n, columns * n, 3): channel ``c`` in row
    ``c // columns`` and column ``c % columns``.
    """
    channels, n, _ = maps.shape
    rows = -(-channels // columns)
    tiles = np.full((rows * columns, n, n, 3), 255, dtype=np.uint8)
    for channel, heat in enumerate(maps):
        tiles[channel] = to_rgb(heat, symmetric_limit(heat))
    grid = tiles.reshape(rows, columns, n, n, 3).transpose(0, 2, 1, 3, 4)
    return grid.reshape(rows * n, columns * n, 3)


def png(rgb: NDArray[np.uint8]) -> bytes:
    """Encode a picture (height, width, 3) as PNG without metadata (W3C, section 5)."""
    height, width, _ = rgb.shape
    lines = np.zeros((height, 1 + 3 * width), dtype=np.uint8)
    lines[:, 1:] = rgb.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [
        (b"IHDR", header),
        (b"IDAT", zlib.compress(lines.tobytes(), 9)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in parts)


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)
