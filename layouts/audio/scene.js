/** Voices only: pictures or initials, names, who speaks how loud. Cameras and screens are not shown. */
'use strict';

const Scene = (() => {
  const MOST = 50;
  const LOOK = { name: 'voice halo', disc: 0.6, letters: 1.15 };

  /** A line over the page; with a logo in its corner, so far from both sides that it stays clear. */
  function heading(title, box, sizes, hasLogo) {
    const aside = hasLogo ? Grid.even(sizes.short * 0.26) : 0;
    const face = { key: 'title', kind: 'title', stream: null, caption: title };
    const place = { ...box, x: box.x + aside, width: box.width - 2 * aside };
    return Tiles.tile(face, place, sizes, { name: 'title', disc: 0, letters: 1.2, isLabelled: false });
  }

  function of(state, size, { parameters }) {
    const sizes = Tiles.measures(size);
    const title = Theme.title(parameters);
    const area = Tiles.inside(sizes.page, 4 * sizes.gap);
    const hasLogo = Boolean(parameters.logo);
    const [top, rest] = title !== '' || hasLogo ? Tiles.above(area, sizes.short / 10, 2 * sizes.gap) : [null, area];
    const people = Faces.people(state);
    const levels = new Map(people.map((one) => [one.id, window.mixerLayout.level(one)]));
    const all = Faces.chosen(people.map(Faces.avatarFace), MOST).map((face) => ({ ...face, level: levels.get(face.id) }));
    const look = all.length > Modes.CROWD ? { ...LOOK, name: `${LOOK.name} crowd` } : LOOK;
    const head = title === '' ? [] : [heading(title, top, sizes, hasLogo)];
    return { mode: 'audio', tiles: [...head, ...Modes.voices(all, sizes, rest, look)] };
  }

  return { of };
})();

Page.run(Scene.of);
