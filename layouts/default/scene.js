/**
 * The default layout: a pure function of the conference's state and the page's size.
 *
 *   voices   nobody has a camera: avatars on a blank page
 *   cameras  a grid of cameras, avatars for those without
 *   share    the shared screen over the whole page, the presenter's camera in the corner
 */
'use strict';

const Scene = (() => {
  const MOST_TILES = 25;
  const MOST_THUMBNAILS = 4;

  const { even, clamp } = Grid;

  /** Boxes from the lower right corner to the left, of these aspects and about equal area. */
  function thumbnailBoxes(aspects, { page, gap, short, isPortrait }) {
    const width = isPortrait ? page.width * 0.42 : Math.min(page.width * 0.2, short * 0.36);
    let right = page.width - 2 * gap;
    return aspects.map((aspect) => {
      const shape = clamp(3 / 4, aspect || Grid.WIDEST, Grid.WIDEST);
      const height = even(Math.sqrt((width * width) / Grid.WIDEST / shape));
      const box = { width: even(height * shape), height };
      right -= box.width + gap;
      return { x: even(right + gap), y: even(page.height - 2 * gap - height), ...box };
    }).filter(({ x }) => x >= gap);
  }

  function share(people, [newest, ...others], sizes) {
    const presenter = people.find(({ id }) => id === newest.id);
    const own = Faces.faces(presenter).filter(Faces.isCamera).slice(0, 1);
    const small = [...own, ...others].slice(0, MOST_THUMBNAILS);
    const places = thumbnailBoxes(small.map(Faces.aspectOf), sizes);
    const look = { name: 'thumbnail', disc: 0 };
    return [
      Modes.full(newest, sizes, own.length === 0),
      ...places.map((box, index) => Tiles.tile(small[index], box, sizes, look)),
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
