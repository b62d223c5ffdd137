/** Faces in boxes: measures that follow from the page's size, and a tile's own. Pixels, all of them. */
'use strict';

const Tiles = (() => {
  const LEAST_KEPT = 0.45; // of a camera picture; less: show it whole
  const LEAST_SIDE = 5.5; // of a tile with a name, by the size of its text: it would cover the face of a smaller one
  const COUNT = { wide: 1.3, high: 2.8 }; // room for "+N": of each character, of the line, by the size of its text

  const { even, clamp } = Grid;

  /** Measures of a page of {width, height}. */
  function measures({ width, height }) {
    const short = Math.min(width, height);
    return {
      page: { x: 0, y: 0, width: even(width), height: even(height) },
      short,
      isPortrait: height > width,
      gap: Math.max(4, even(short / 80)),
      ring: Math.max(2, Math.round(short / 270)),
    };
  }

  function inside(box, margin) {
    return {
      x: box.x + margin, y: box.y + margin, width: box.width - 2 * margin, height: box.height - 2 * margin,
    };
  }

  /** Two boxes of one, a gap apart: the first `size` high, the second what remains below. */
  function above(box, size, gap) {
    const first = clamp(0, even(size), box.height);
    const rest = Math.max(0, box.height - first - gap);
    return [
      { ...box, height: first }, { ...box, y: box.y + box.height - rest, height: rest },
    ];
  }

  /** The same side by side: the first `size` wide. */
  function beside(box, size, gap) {
    const first = clamp(0, even(size), box.width);
    const rest = Math.max(0, box.width - first - gap);
    return [
      { ...box, width: first }, { ...box, x: box.x + box.width - rest, width: rest },
    ];
  }

  function textSize(box, short) {
    return Math.round(clamp(Math.max(11, short / 64), box.height / 18, Math.max(12, short / 38)));
  }

  /** Whether a picture of this aspect may be cut to cover a box. */
  const covers = (aspect, box) => Grid.kept(aspect, box.width / box.height) >= LEAST_KEPT;

  /** Where in its tile a picture lies: all over it, or whole with bars if too much were cut off. */
  function pictureBox(face, box) {
    const isWhole = face.kind === 'share';
    const aspect = Faces.aspectOf(face);
    const whole = { x: 0, y: 0, width: box.width, height: box.height };
    if (aspect === 0) return { ...whole, fit: isWhole ? 'contain' : 'cover' };
    if (!isWhole && covers(aspect, box)) return { ...whole, fit: 'cover' };
    return { ...Grid.contained(aspect, whole), fit: 'contain' };
  }

  /** How many more there are has no other place to be told: it is made to fit. */
  function countSize(caption, box, text) {
    return Math.floor(Math.min(text, box.width / COUNT.wide / caption.length, box.height / COUNT.high));
  }

  /**
   * A face in a box. `look`: {name: of the style; disc: size of an avatar by the box's shorter side;
   * isFull: corners are not rounded; isLabelled: else as there is room; letters: size of text by the usual}.
   */
  function tile(face, box, { short, ring }, look) {
    const usual = Math.round(textSize(box, short) * (look.letters ?? 1));
    const caption = face.kind === 'more' ? `+${face.count}` : face.caption ?? '';
    const text = face.kind === 'more' ? countSize(caption, box, usual) : usual;
    const corner = look.isFull ? 0 : clamp(4, Math.min(box.width, box.height) / 26, short / 76);
    return {
      ...face,
      streamId: face.stream?.id ?? null,
      picture: pictureBox(face, box),
      sheetUrl: face.sheet?.url ?? '',
      caption,
      box,
      ring,
      radius: Math.round(corner),
      text,
      disc: even(Math.min(box.width, box.height) * look.disc),
      look: look.name,
      isLabelled: look.isLabelled ?? Math.min(box.width, box.height) >= LEAST_SIDE * text,
    };
  }

  return { measures, inside, above, beside, covers, tile };
})();
