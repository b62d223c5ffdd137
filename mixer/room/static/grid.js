// Where tiles lie: pure geometry, in pixels of the stage.

const GAP = 12;
const TILE_RATIO = 16 / 9;

// Rectangles {x, y, width, height} for `count` equal tiles, as big as they can be, rows centred.
// Their shape follows the place they have, between `narrowest` and 16:9.
export function grid(width, height, count, gap = GAP, narrowest = 3 / 4) {
  let best = { area: 0, columns: 1, tileWidth: 0, tileHeight: 0 };
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const cellWidth = (width - gap * (columns - 1)) / columns;
    const cellHeight = (height - gap * (rows - 1)) / rows;
    const ratio = clamp(cellWidth / cellHeight, narrowest, TILE_RATIO);
    const tileWidth = Math.min(cellWidth, cellHeight * ratio);
    const tileHeight = tileWidth / ratio;
    const area = tileWidth * tileHeight;
    if (area > best.area * 1.001) best = { area, columns, tileWidth, tileHeight };
  }
  return place(width, height, count, best, gap);
}

// The first tile big, the others in a strip beside it (wide stage) or below it (narrow stage).
export function spotlight(width, height, others, gap = GAP) {
  if (others === 0) return [{ x: 0, y: 0, width, height }];
  const wide = width / height > 1.2;
  const strip = wide
    ? Math.min(width * 0.22, 280)
    : height - gap - clamp(width / TILE_RATIO, height * 0.45, height * 0.74);
  const main = wide
    ? { x: 0, y: 0, width: width - strip - gap, height }
    : { x: 0, y: 0, width, height: height - strip - gap };
  const box = wide ? { width: strip, height } : { width, height: strip };
  const small = grid(box.width, box.height, others, gap, wide ? 4 / 3 : 1).map((tile) => ({
    ...tile,
    x: tile.x + (wide ? main.width + gap : 0),
    y: tile.y + (wide ? 0 : main.height + gap),
  }));
  return [main, ...small];
}

function place(width, height, count, { columns, tileWidth, tileHeight }, gap) {
  const rows = Math.ceil(count / columns);
  const top = (height - rows * tileHeight - (rows - 1) * gap) / 2;
  return Array.from({ length: count }, (_, index) => {
    const row = Math.floor(index / columns);
    const inRow = row === rows - 1 ? count - columns * row : columns;
    const left = (width - inRow * tileWidth - (inRow - 1) * gap) / 2;
    return {
      x: left + (index % columns) * (tileWidth + gap),
      y: top + row * (tileHeight + gap),
      width: tileWidth,
      height: tileHeight,
    };
  });
}

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}
