"""Converts 4:2:0 pictures to BT.709 limited range (libavfilter's `colorspace`, integer and exact).

swscale would go by way of 8-bit RGB for this, at eight times the cost.
"""

from __future__ import annotations

from collections import OrderedDict

import av
from av.filter import Graph
from av.filter.context import FilterContext

BT709 = 1  # AVColorSpace (ITU-T H.273 MatrixCoefficients)
FULL_RANGE = 2  # AVColorRange
LIMITED_RANGE = 1
MATRICES = {
    1: "bt709",
    4: "fcc",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    9: "bt2020nc",
}
BT601 = 6  # what WebRTC video is unless its bitstream says otherwise
MAX_GRAPHS = 32


class Converter:
    """Keeps one filter graph for each (width, height, matrix, range) that comes along."""

    def __init__(self) -> None:
        self._graphs: OrderedDict[tuple[int, int, int, int], _Graph] = OrderedDict()

    def convert(self, frame: av.VideoFrame, matrix: int, range_: int) -> av.VideoFrame:
        """`frame` (yuv420p of this matrix and range) in BT.709 limited; itself if it is already."""
        matrix, range_ = known_colour(matrix, range_)
        if matrix == BT709 and range_ == LIMITED_RANGE:
            return frame
        key = (frame.width, frame.height, matrix, range_)
        graph = self._graphs.pop(key, None) or _Graph(*key)
        self._graphs[key] = graph
        if len(self._graphs) > MAX_GRAPHS:
            self._graphs.popitem(last=False)
        return graph.convert(frame)


def known_colour(matrix: int, range_: int) -> tuple[int, int]:
    """(matrix, range) with what is unspecified or unknown filled in."""
    return (
        matrix if matrix in MATRICES else BT601,
        FULL_RANGE if range_ == FULL_RANGE else LIMITED_RANGE,
    )


class _Graph:
    def __init__(self, width: int, height: int, matrix: int, range_: int) -> None:
        self._matrix, self._range = matrix, range_
        self._graph = Graph()
        self._graph.threads = 1
        name, span = MATRICES[matrix], "pc" if range_ == FULL_RANGE else "tv"
        self._source = self._graph.add(
            "buffer",
            video_size=f"{width}x{height}",
            pix_fmt="yuv420p",
            time_base="1/90000",
            pixel_aspect="1/1",
            colorspace=name,
            range=span,
        )
        convert = self._graph.add(
            "colorspace",
            f"iall=bt601-6-625:ispace={name}:irange={span}:all=bt709:range=tv:"
            "format=yuv420p:fast=1",
        )
        self._sink: FilterContext = self._graph.add("buffersink")
        self._source.link_to(convert)
        convert.link_to(self._sink)
        self._graph.configure()

    def convert(self, frame: av.VideoFrame) -> av.VideoFrame:
        frame.colorspace, frame.color_range = self._matrix, self._range
        self._source.push(frame)
        converted = self._sink.pull()
        assert isinstance(converted, av.VideoFrame)
        return converted
