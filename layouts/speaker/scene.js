/**
 * The speaker: whoever speaks (seats.js), or the shared screen, large; the others in a strip below.
 * A function of the state and the seats.
 */
'use strict';

const Scene = (() => {
  const MOST_BELOW = 12; // on a page that is not wide
  const LARGE = { wide: 0.8, square: 0.76, portrait: 0.66 }; // of the page's height

  const isWide = ({ page }) => page.width >= page.height * 1.2;

  /** How many tiles fit into the others' area: on a wide page a row, of square ones at least. */
  function capacity(area, sizes) {
    if (!isWide(sizes)) return MOST_BELOW;
    return Math.max(1, Math.floor((area.width + sizes.gap) / (area.height + sizes.gap)));
  }

  /** The boxes of what is large and of the others' area; below a shared screen is what it leaves. */
  function split(large, sizes) {
    const inner = Tiles.inside(sizes.page, sizes.gap);
    const part = isWide(sizes) ? LARGE.wide : sizes.isPortrait ? LARGE.portrait : LARGE.square;
    const aspect = large.kind === 'share' ? Faces.aspectOf(large) : 0;
    if (aspect === 0) return Tiles.above(inner, inner.height * part, sizes.gap);
    const needed = isWide(sizes) ? Infinity : inner.width / aspect;
    const [top, below] = Tiles.above(inner, Math.min(inner.height * part, needed), sizes.gap);
    return [Grid.contained(aspect, top), below];
  }

  function of(state, size, { seats }) {
    const sizes = Tiles.measures(size);
    const people = new Map(Faces.people(state).map((participant) => [participant.id, participant]));
    const faces = seats.flatMap((id) => Faces.faces(people.get(id)));
    const shares = Faces.shares(state, [...people.values()]);
    if (shares.length === 0 && faces.length < 2) return Modes.people(faces, 1, sizes);
    const large = shares[0] ?? faces[0];
    const [box, below] = split(large, sizes);
    const others = Faces.company(faces.slice(shares.length > 0 ? 0 : 1), shares, capacity(below, sizes));
    const look = { name: 'large', disc: 0.4, isLabelled: large.kind !== 'share' };
    const rows = isWide(sizes) ? { rows: 1 } : {};
    return {
      mode: 'speaker',
      tiles: [Tiles.tile(large, box, sizes, look), ...Modes.cells(others, sizes, below, rows)],
    };
  }

  return { of };
})();

Page.run(Scene.of, { isSeated: true });
