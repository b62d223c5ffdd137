/**
 * Where boxes go on a page: grids of equal tiles, and one picture inside a box.
 *
 * All coordinates and sizes are even integers of pixels: the mixer then scales and places videos
 * exactly, and the half-size colour planes of the recording have no half pixels at tile edges.
 */
'use strict';

const Grid = (() => {
  const WIDEST = 16 / 9; // wider would cut off heads
  const SLIMMEST = 8 / 9; // half of a 16:9 page; shows half of a 16:9 camera

  const even = (value) => Math.floor(value / 2) * 2;
  const nearestEven = (value) => Math.round(value / 2) * 2;
  const clamp = (low, value, high) => Math.max(low, Math.min(value, high));

  /** The share of a picture that is seen when it covers a box of another aspect, 0..1. */
  function kept(pictureAspect, boxAspect) {
    return Math.min(pictureAspect, boxAspect) / Math.max(pictureAspect, boxAspect);
  }

  /** The largest tile of an allowed aspect in a cell, even. */
  function tileIn(cellWidth, cellHeight, { slimmest, widest, largest }) {
    const height = Math.min(cellHeight, cellWidth / slimmest, largest);
    const width = Math.min(cellWidth, height * widest);
    return { width: Math.max(2, even(width)), height: Math.max(2, even(height)) };
  }

  /** Tiles for `columns` of them side by side; `worth`: how much is seen, and how full the grid is. */
  function candidate(count, columns, area, gap, shape) {
    const rows = Math.ceil(count / columns);
    const tile = tileIn(
      (area.width - (columns - 1) * gap) / columns, (area.height - (rows - 1) * gap) / rows, shape);
    const seen = kept(shape.ideal, tile.width / tile.height);
    const empty = (rows * columns - count) / (rows * columns);
    return { ...tile, columns, rows, worth: tile.width * tile.height * seen ** 0.3 * (1 - empty / 4) };
  }

  /** Of equal ones, the one that goes along the area's longer side. */
  function bestCandidate(count, area, gap, shape) {
    const all = Array.from({ length: count }, (_, index) => index + 1)
      .filter((columns) => Math.ceil(count / columns) <= shape.rows)
      .map((columns) => candidate(count, columns, area, gap, shape));
    if (area.width > area.height) all.reverse();
    return all.reduce((best, next) => (next.worth > best.worth ? next : best));
  }

  /**
   * Boxes {x, y, width, height} of `count` equal tiles in an area, row by row, the last row centred.
   * `shape`: aspects allowed (slimmest, widest), the ideal one, the largest height, the most rows.
   */
  function boxes(count, area, gap, shape = {}) {
    if (count <= 0) return [];
    const limits = { slimmest: SLIMMEST, widest: WIDEST, ideal: WIDEST, largest: Infinity, rows: Infinity, ...shape };
    const { width, height, columns, rows } = bestCandidate(count, area, gap, limits);
    const top = area.y + even((area.height - rows * height - (rows - 1) * gap) / 2);
    return Array.from({ length: count }, (_, index) => {
      const row = Math.floor(index / columns);
      const inRow = Math.min(columns, count - row * columns);
      const left = area.x + even((area.width - inRow * width - (inRow - 1) * gap) / 2);
      const column = index - row * columns;
      return { x: left + column * (width + gap), y: top + row * (height + gap), width, height };
    });
  }

  /** The largest even box of an aspect inside another, in its middle. */
  function contained(aspect, box) {
    const width = Math.min(box.width, nearestEven(box.height * aspect));
    const height = Math.min(box.height, nearestEven(box.width / aspect));
    return {
      x: box.x + even((box.width - width) / 2), y: box.y + even((box.height - height) / 2), width, height,
    };
  }

  return { boxes, contained, kept, even, clamp, WIDEST, SLIMMEST };
})();
