"""Where the default layout puts tiles."""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import Any

import pytest

from tests.layouts.people import Opener, participant, reset

Box = dict[str, int]

SHAPES = [(1920, 1080), (1280, 720), (1080, 1920), (1080, 1080)]
LEAST_AREA_USED = 0.55  # of the page, by tiles
LEAST_ASPECT, MOST_ASPECT = 8 / 9, 16 / 9


def overlap(a: Box, b: Box) -> bool:
    return (
        a["x"] < b["x"] + b["width"]
        and b["x"] < a["x"] + a["width"]
        and a["y"] < b["y"] + b["height"]
        and b["y"] < a["y"] + a["height"]
    )


def is_inside(box: Box, width: int, height: int) -> bool:
    return (
        min(box["x"], box["y"]) >= 0
        and box["x"] + box["width"] <= width
        and box["y"] + box["height"] <= height
    )


@pytest.mark.parametrize(("width", "height"), SHAPES)
def test_grid_properties(open_default: Opener, width: int, height: int) -> None:
    """1 to 60 tiles: even integers, equal, apart, inside, of sane aspect, filling the page."""
    page = open_default(width, height)
    grids: list[list[Box]] = page.evaluate(
        """({ width, height }) => Array.from({ length: 60 }, (_, index) =>
          Grid.boxes(index + 1, { x: 12, y: 12, width: width - 24, height: height - 24 }, 12))""",
        {"width": width, "height": height},
    )
    for count, boxes in enumerate(grids, 1):
        assert len(boxes) == count
        assert all(value % 2 == 0 for box in boxes for value in box.values())
        assert len({(box["width"], box["height"]) for box in boxes}) == 1
        assert all(is_inside(box, width, height) for box in boxes)
        assert not any(overlap(a, b) for a, b in combinations(boxes, 2))
        aspect = boxes[0]["width"] / boxes[0]["height"]
        assert LEAST_ASPECT * 0.97 <= aspect <= MOST_ASPECT * 1.03
        used = sum(box["width"] * box["height"] for box in boxes) / (width * height)
        assert used >= LEAST_AREA_USED, (count, used)


@pytest.mark.parametrize(("width", "height"), SHAPES)
def test_rows(open_default: Opener, width: int, height: int) -> None:
    """Rows are full but for the last, every row is centred, and gaps are equal."""
    page = open_default(width, height)
    for count in range(1, 26):
        boxes: list[Box] = page.evaluate(
            "([n, w, h]) => Grid.boxes(n, { x: 12, y: 12, width: w - 24, height: h - 24 }, 12)",
            [count, width, height],
        )
        rows = [[b for b in boxes if b["y"] == y] for y in sorted({b["y"] for b in boxes})]
        assert {len(row) for row in rows[:-1]} <= {len(rows[0])}
        assert len(rows[-1]) <= len(rows[0])
        for row in rows:
            right_margin = width - row[-1]["x"] - row[-1]["width"]
            assert 0 <= right_margin - row[0]["x"] <= 2
            steps = {b["x"] - a["x"] - a["width"] for a, b in pairwise(row)}
            assert steps <= {12}


@pytest.mark.parametrize(("width", "height"), [*SHAPES, (640, 360), (853, 481)])
def test_boxes_on_the_page(open_default: Opener, width: int, height: int) -> None:
    """What the browser lays out for tiles and videos is even and inside, in each mode."""
    page = open_default(width, height)
    scenes: list[list[dict[str, Any]]] = [
        [participant(n, camera=n % 3 != 0) for n in range(count)] for count in (1, 2, 5, 7, 30)
    ]
    scenes += [
        [participant(1, screen=True), participant(2, screen=True)],
        [participant(n, camera=False) for n in range(5)],
    ]
    for people in scenes:
        reset(page, *people)
        boxes = page.evaluate(
            """() => [...document.querySelectorAll('.tile, video')].map((element) => {
              const { x, y, width, height } = element.getBoundingClientRect();
              return { x, y, width, height };
            })"""
        )
        assert boxes
        for box in boxes:
            assert is_inside(box, width, height)
            assert all(value % 2 == 0 for value in box.values()), box
