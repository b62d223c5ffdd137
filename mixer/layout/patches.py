"""A plane told by another one: only the blocks in which they differ (track.py, contents.py).

A page that is never still changes a little at a time: the digits of a clock, a ring around who
speaks. Every patch is one of a whole plane, never of a patched one: reading takes two records.

    patch = key plane u32, number of blocks u32; for each block its row u16 and column u16, in
    blocks; zlib of the blocks' differences from the key, modulo 256, one block after the other
"""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from mixer.layout.matte import Plane

BLOCK = 16
MOST = 0.25  # share of blocks from which on a plane is stored whole
HEAD = struct.Struct("<II")
_PLACE = np.dtype("<u2")


def _blocks(plane: Plane) -> NDArray[np.uint8]:
    """(rows, columns, BLOCK, BLOCK), filled up with zeros."""
    height, width = plane.shape
    rows, columns = -(-height // BLOCK), -(-width // BLOCK)
    if (rows * BLOCK, columns * BLOCK) != (height, width):
        plane = np.pad(plane, ((0, rows * BLOCK - height), (0, columns * BLOCK - width)))
    return plane.reshape(rows, BLOCK, columns, BLOCK).swapaxes(1, 2)


def patch(plane: Plane, key: Plane, number: int) -> bytes | None:
    """`plane` told by `key`, which is plane `number` of the track; None if that is not worth it."""
    if plane.shape != key.shape:
        return None
    difference = _blocks(plane - key)
    places = np.argwhere(difference.any(axis=(2, 3)))
    if len(places) > MOST * difference.shape[0] * difference.shape[1]:
        return None
    values = difference[places[:, 0], places[:, 1]]
    head = HEAD.pack(number, len(places)) + places.astype(_PLACE).tobytes()
    return head + zlib.compress(values.tobytes(), 6)


def key_of(data: bytes) -> int:
    """The number of the plane that a patch is one of."""
    return int(HEAD.unpack_from(data)[0])


def patched(key: Plane, data: bytes) -> Plane:
    """The plane that a patch of `key` tells."""
    _, count = HEAD.unpack_from(data)
    start = HEAD.size + count * 2 * _PLACE.itemsize
    places = np.frombuffer(data[HEAD.size : start], _PLACE).reshape(count, 2)
    values = np.frombuffer(zlib.decompress(data[start:]), np.uint8)
    plane = key.copy()
    for (row, column), block in zip(places, values.reshape(count, BLOCK, BLOCK), strict=True):
        part = plane[row * BLOCK :, column * BLOCK :][:BLOCK, :BLOCK]
        part += block[: part.shape[0], : part.shape[1]]
    return plane
