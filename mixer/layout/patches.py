"""A plane told by another one: only the blocks in which they differ (track.py, contents.py).

A page that is never still changes a little at a time: the digits of a clock, a ring around who
speaks. Every patch is one of a whole plane, never of a patched one: reading takes two records.

    patch = key plane u32, number of blocks u32; zlib of: for each block how many blocks, row by
    row, it lies beyond the one before, u32; the blocks' differences from the key, modulo 256
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
_PLACE = np.dtype("<u4")


def _blocks(plane: Plane, key: Plane) -> NDArray[np.uint8]:
    """What they differ by, modulo 256: (rows, BLOCK, columns, BLOCK), filled up with zeros."""
    height, width = plane.shape
    rows, columns = -(-height // BLOCK), -(-width // BLOCK)
    change = np.zeros((rows * BLOCK, columns * BLOCK), np.uint8)
    np.subtract(plane, key, out=change[:height, :width])
    return change.reshape(rows, BLOCK, columns, BLOCK)


def patch(plane: Plane, key: Plane, number: int) -> bytes | None:
    """`plane` told by `key`, which is plane `number` of the track; None if that is not worth it."""
    if plane.shape != key.shape:
        return None
    blocks = _blocks(plane, key)
    rows, _, columns, _ = blocks.shape
    across = np.bitwise_or.reduce(blocks.view(np.uint64), axis=1)  # (rows, columns, 2 words)
    places = np.flatnonzero(across.any(axis=2))
    if len(places) > MOST * rows * columns:
        return None
    steps = np.diff(places, prepend=0).astype(_PLACE)
    told = blocks.swapaxes(1, 2)[np.divmod(places, columns)]
    return HEAD.pack(number, len(places)) + zlib.compress(steps.tobytes() + told.tobytes(), 6)


def is_empty(data: bytes) -> bool:
    """Whether a patch says that the plane is its key."""
    return bool(HEAD.unpack_from(data)[1] == 0)


def key_of(data: bytes) -> int:
    """The number of the plane that a patch is one of."""
    return int(HEAD.unpack_from(data)[0])


def patched(key: Plane, data: bytes) -> Plane:
    """The plane that a patch of `key` tells."""
    _, count = HEAD.unpack_from(data)
    told = zlib.decompress(data[HEAD.size :])
    steps = np.frombuffer(told, _PLACE, count)
    blocks = np.frombuffer(told, np.uint8, offset=steps.nbytes).reshape(count, BLOCK, BLOCK)
    plane = key.copy()
    height, width = plane.shape
    rows, columns = np.divmod(np.cumsum(steps, dtype=np.int64), -(-width // BLOCK))
    whole = (rows < height // BLOCK) & (columns < width // BLOCK)
    down, across = plane.strides
    inner = np.lib.stride_tricks.as_strided(
        plane,
        (height // BLOCK, width // BLOCK, BLOCK, BLOCK),
        (down * BLOCK, across * BLOCK, down, across),
    )
    inner[rows[whole], columns[whole]] += blocks[whole]
    for row, column, block in zip(rows[~whole], columns[~whole], blocks[~whole], strict=True):
        part = plane[row * BLOCK :, column * BLOCK :][:BLOCK, :BLOCK]
        part += block[: part.shape[0], : part.shape[1]]
    return plane
