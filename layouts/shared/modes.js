/** Scenes that several layouts have: voices (avatars on a blank page) and cameras (a grid). */
'use strict';

const Modes = (() => {
  const CROWD = 12;
  const NAME_LINES = 2.8; // height of a name and what keeps it apart, by the size of its text
  const LEAST_DISC = 2; // of an avatar above a name, by the size of its text
  const LEAST_NAME = 4; // width of a name, by the size of its text

  const { even } = Grid;

  /** Avatars with their names below, in `area`; `look` as for Tiles.tile. */
  function voices(all, sizes, area, look = { name: 'voice', disc: 0.64 }) {
    const widest = all.length > CROWD ? 1.4 : 1.1; // of many, names need the room
    const shape = { slimmest: 0.9, widest, ideal: 1, largest: even(sizes.short * 0.46) };
    const cells = Grid.boxes(all.length, area, 2 * sizes.gap, shape);
    return all.map((face, index) => {
      const tile = Tiles.tile(face, cells[index], sizes, look);
      const room = even(tile.box.height - NAME_LINES * tile.text); // its name lies below
      const isLabelled = room >= LEAST_DISC * tile.text && tile.box.width >= LEAST_NAME * tile.text;
      return { ...tile, isLabelled, disc: isLabelled ? Math.min(tile.disc, room) : tile.disc };
    });
  }

  /** Whether a single face takes the whole page: not a wide picture on a slim page. */
  function fillsPage(face, { page }) {
    const aspect = Faces.aspectOf(face) || Grid.WIDEST;
    return aspect <= page.width / page.height || Tiles.covers(aspect, page);
  }

  /** Faces in equal tiles; `shape` as for Grid.boxes. */
  function cells(all, sizes, area, shape = {}) {
    const boxes = Grid.boxes(all.length, area, sizes.gap, shape);
    return all.map((face, index) => Tiles.tile(face, boxes[index], sizes, { name: 'cell', disc: 0.42 }));
  }

  /** One face over the whole page. */
  function full(face, sizes, isLabelled = true) {
    return Tiles.tile(face, sizes.page, sizes, { name: 'full', disc: 0.36, isFull: true, isLabelled });
  }

  /** A single face on the whole page, several in a grid. */
  function cameras(all, sizes) {
    if (all.length === 1 && fillsPage(all[0], sizes)) return [full(all[0], sizes)];
    return cells(all, sizes, Tiles.inside(sizes.page, sizes.gap));
  }

  /** What a page without shared screens shows of at most `most` faces. */
  function people(everybody, most, sizes) {
    const all = Faces.chosen(everybody, most);
    if (all.some(Faces.isCamera)) return { mode: 'cameras', tiles: cameras(all, sizes) };
    const area = Tiles.inside(sizes.page, 4 * sizes.gap);
    return { mode: 'voices', tiles: voices(all, sizes, area) };
  }

  return { CROWD, voices, cells, full, fillsPage, people };
})();
