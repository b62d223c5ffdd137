/**
 * For phones held upright (1080×1920), edge to edge: up to four share the page, of more whoever has
 * the floor (seats.js) is large above the others; a shared screen lies on top, whole.
 * On a wider page the same lies side by side.
 */
'use strict';

const Scene = (() => {
  const MOST_EQUAL = 4;
  const MOST_SMALL = 9;
  const LARGE = { above: 0.56, beside: 0.5 }; // of the area
  const MOST_SHARE = 0.5; // of the page, for a shared screen
  const FACE = 4 / 3; // aspect of a tile that suits a face
  const LEAST_WORTH = 0.5;
  const SLIMMEST = 4 / 5; // of somebody large, from a wide camera

  const { even, kept } = Grid;

  /** Rows of boxes that fill an area to its edges; a last row of fewer is as wide as the others. */
  function mosaic(count, columns, area, gap) {
    const rows = Math.ceil(count / columns);
    const edge = (start, length, parts, index) => start + even((length + gap) * index / parts);
    return Array.from({ length: count }, (_, index) => {
      const row = Math.floor(index / columns);
      const inRow = Math.min(columns, count - row * columns);
      const x = edge(area.x, area.width, inRow, index % columns);
      const y = edge(area.y, area.height, rows, row);
      const right = edge(area.x, area.width, inRow, (index % columns) + 1) - gap;
      return { x, y, width: right - x, height: edge(area.y, area.height, rows, row + 1) - gap - y };
    });
  }

  /** How well an ill-suited tile of these still suits a face: none too flat, none too slim. */
  const worth = (boxes) => Math.min(...boxes.map(({ width, height }) => kept(FACE, width / height)));

  function bestMosaic(count, area, gap) {
    const all = Array.from({ length: count }, (_, index) => mosaic(count, index + 1, area, gap));
    return all.reduce((best, next) => (worth(next) > worth(best) ? next : best));
  }

  const isUpright = ({ width, height }) => height >= width;

  /** The box of somebody alone: the area, or as much of it as a wide picture can fill. */
  function alone(face, area) {
    if (face.stream === null || Tiles.covers(Faces.aspectOf(face) || Grid.WIDEST, area)) return area;
    return Grid.contained(SLIMMEST, area);
  }

  /** Boxes for everybody in an area: equal ones for a few, else one large and the others. */
  function places(all, area, gap) {
    const count = all.length;
    if (count === 0) return [];
    if (count === 1) return [alone(all[0], area)];
    const equal = bestMosaic(count, area, gap);
    if (count === 2 || (count <= MOST_EQUAL && worth(equal) >= LEAST_WORTH)) return equal;
    const [large, rest] = isUpright(area)
      ? Tiles.above(area, Math.min(area.height * LARGE.above, area.width / SLIMMEST), gap)
      : Tiles.beside(area, area.width * LARGE.beside, gap);
    return [large, ...bestMosaic(count - 1, rest, gap)];
  }

  /** The boxes of a shared screen and of what remains for people. */
  function split(share, { page }, gap) {
    const aspect = Faces.aspectOf(share) || Grid.WIDEST;
    return isUpright(page)
      ? Tiles.above(page, Math.min(page.width / aspect, page.height * MOST_SHARE), gap)
      : Tiles.beside(page, Math.min(page.height * aspect, page.width * 0.75), gap);
  }

  function people(state, seats) {
    const byId = new Map(Faces.people(state).map((participant) => [participant.id, participant]));
    const all = seats.flatMap((id) => Faces.faces(byId.get(id)));
    if (all.length <= MOST_SMALL + 1) return all;
    return [all[0], ...Faces.chosen(all.slice(1), MOST_SMALL)];
  }

  function of(state, size, { seats }) {
    const sizes = Tiles.measures(size);
    const gap = Math.max(2, even(sizes.short / 180));
    const look = { name: 'cell plain', disc: 0.42, isFull: true, letters: 1.15 };
    const [share] = Faces.shares(state, Faces.people(state));
    const [top, area] = share ? split(share, sizes, gap) : [null, sizes.page];
    const all = people(state, seats);
    const boxes = places(all, area, gap);
    const shared = share ? [Tiles.tile(share, top, sizes, { ...look, isLabelled: false })] : [];
    const faces = all.map((face, index) => Tiles.tile(face, boxes[index], sizes, look));
    return { mode: 'vertical', tiles: [...shared, ...faces] };
  }

  return { of };
})();

Page.run(Scene.of, { isSeated: true });
