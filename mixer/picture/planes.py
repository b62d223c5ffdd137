"""Views of a VideoFrame's planes as arrays, without copies."""

from __future__ import annotations

from typing import cast

import av
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]  # (height, width)
Planes = tuple[Plane, Plane, Plane]  # Y, Cb, Cr


def planes_of(frame: av.VideoFrame) -> Planes:
    """Y, Cb and Cr of a yuv420p frame; the arrays share its memory and keep it alive."""
    luma, cb, cr = (_view(plane) for plane in frame.planes)
    return luma, cb, cr


def gray_plane(frame: av.VideoFrame) -> Plane:
    """The one plane of a gray frame."""
    return _view(frame.planes[0])


def rows_of(frame: av.VideoFrame) -> Planes:
    """As `planes_of`, but whole rows (height, line size) with the padding at their ends: these
    arrays are contiguous."""
    luma, cb, cr = (_rows(plane) for plane in frame.planes)
    return luma, cb, cr


def _view(plane: av.video.plane.VideoPlane) -> Plane:
    return _rows(plane)[:, : plane.width]


def _rows(plane: av.video.plane.VideoPlane) -> Plane:
    flat: Plane = np.frombuffer(cast(bytes, plane), np.uint8)  # it has the buffer protocol
    return flat.reshape(plane.height, plane.line_size)
