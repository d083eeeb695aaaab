import struct
import zlib

import numpy as np

from conceptlrp.atlas.pictures.page_boards import png, sprite
from conceptlrp.drawing.colors import to_rgb


def read_png(content):
    """Decode an unfiltered 8-bit RGB picture, checking every chunk's sum."""
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(content):
        (length,) = struct.unpack_from(">I", content, at)
        kind, body = content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        check = struct.unpack_from(">I", content, at + 8 + length)[0]
        assert check == zlib.crc32(kind + body)
        chunks[kind] = body
        at += 12 + length
    width, height, depth, color = struct.unpack_from(">IIBB", chunks[b"IHDR"])
    assert (depth, color) == (8, 2)
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8)
    return lines.reshape(height, 1 + 3 * width)[:, 1:].reshape(height, width, 3)


def test_a_picture_is_read_back_pixel_by_pixel():
    rgb = np.random.default_rng(0).integers(0, 256, (5, 9, 3), dtype=np.uint8)

    np.testing.assert_array_equal(read_png(png(rgb)), rgb)


def test_every_channel_has_its_tile_on_a_scale_of_its_own():
    maps = np.random.default_rng(0).normal(size=(5, 8, 8))
    maps[3] *= 1000

    picture = sprite(maps, columns=3)

    assert picture.shape == (16, 24, 3)
    largest = np.abs(maps[3]).max()
    tile = picture[8:16, 0:8]
    assert (tile.astype(int) - to_rgb(maps[3], largest)).__abs__().max() <= 12
    assert (picture[8:16, 16:24] == 255).all()
