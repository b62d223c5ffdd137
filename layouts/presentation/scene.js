/**
 * The presentation: the shared screen large, whoever is there in a column beside it (landscape) or
 * below it (portrait, square). Without a shared screen: everybody, as in the default layout.
 */
'use strict';

const Scene = (() => {
  const MOST_TILES = 25; // without a shared screen
  const MOST_BESIDE = 12;
  const MOST_BELOW = 16;

  /** The boxes of the shared screen and of the people's area. */
  function split(aspect, { page, gap }) {
    const inner = Tiles.inside(page, gap);
    const shape = aspect || Grid.WIDEST;
    return page.width >= page.height * 1.2
      ? Tiles.beside(inner, Math.min(inner.height * shape, inner.width * 0.8), gap)
      : Tiles.above(inner, Math.min(inner.width / shape, inner.height * 0.66), gap);
  }

  function share(people, shares, sizes) {
    const aspect = Faces.aspectOf(shares[0]);
    const [large, side] = split(aspect, sizes);
    const isBeside = side.y === large.y;
    const box = aspect === 0 ? large : Grid.contained(aspect, large);
    const most = isBeside ? MOST_BESIDE : MOST_BELOW;
    const all = Faces.company(people.flatMap(Faces.faces), shares, most);
    return [
      Tiles.tile(shares[0], box, sizes, { name: 'cell', disc: 0, isLabelled: false }),
      ...Modes.cells(all, sizes, side, isBeside ? { largest: Grid.even(side.width / 1.4) } : {}),
    ];
  }

  function of(state, size) {
    const sizes = Tiles.measures(size);
    const people = Faces.people(state);
    const shares = Faces.shares(state, people);
    if (shares.length > 0) return { mode: 'share', tiles: share(people, shares, sizes) };
    return Modes.people(people.flatMap(Faces.faces), MOST_TILES, sizes);
  }

  return { of };
})();

Page.run(Scene.of);
