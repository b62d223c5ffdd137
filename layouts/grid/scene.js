/** The grid: everybody in equal tiles, with a camera or without, shared screens first. */
'use strict';

const Scene = (() => {
  const MOST_TILES = 49;

  function of(state, size, { parameters }) {
    const most = Theme.number(parameters, 'tiles', { least: 2, most: MOST_TILES, otherwise: MOST_TILES });
    const sizes = Tiles.measures(size);
    const people = Faces.people(state);
    const shares = Faces.shares(state, people).slice(0, most - 1);
    const all = [...shares, ...Faces.chosen(people.flatMap(Faces.faces), most - shares.length)];
    return { mode: 'grid', tiles: Modes.cells(all, sizes, Tiles.inside(sizes.page, sizes.gap)) };
  }

  return { of };
})();

Page.run(Scene.of);
