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


def _view(plane: av.video.plane.VideoPlane) -> Plane:
    flat: Plane = np.frombuffer(cast(bytes, plane), np.uint8)  # it has the buffer protocol
    view: Plane = flat.reshape(plane.height, plane.line_size)[:, : plane.width]
    return view
