/** What the page does wrong, told once with how often, and how it can be mended where that is known. */

const WORDS = {
  error: 'Error', console: 'Console', warning: 'Warning', request: 'Request', refused: 'Refused', missing: 'Missing',
  media: 'Own media', glyphs: 'No glyphs', navigation: 'Navigation', popup: 'Pop-up', dialog: 'Dialog', download: 'Download', 'not-ready': 'Not ready', failed: 'Gave up',
};
const ADVICE = {
  refused: 'Allow it with --layout-allow if the mixer is to reach it.',
  media: 'It runs by the clock on the wall, and its sound is not recorded.',
  glyphs: 'Load a web font that has them, or install one on the mixer\'s machine.',
  'not-ready': 'The mixer waits 10 s at most, then shows its default layout.',
  failed: 'The mixer shows its default layout instead.',
};

export class Problems {
  #known = new Map();

  constructor(section) {
    this.section = section;
    section.querySelector('button').addEventListener('click', () => this.clear());
  }

  clear() {
    this.#known.clear();
    this.section.querySelector('ol').replaceChildren();
    this.section.hidden = true;
  }

  tell(kind, detail, isCounted = true) {
    const key = `${kind} ${detail}`;
    const known = this.#known.get(key);
    if (known) {
      if (kind === 'not-ready' || !isCounted) return;
      known.count += 1;
      known.often.textContent = ` ×${known.count}`;
      return;
    }
    const item = document.createElement('li');
    const often = document.createElement('small');
    item.className = kind;
    item.append(Object.assign(document.createElement('b'), { textContent: `${WORDS[kind] ?? kind}: ` }), detail, often);
    if (ADVICE[kind]) item.append(Object.assign(document.createElement('small'), { textContent: ` ${ADVICE[kind]}` }));
    this.#known.set(key, { count: 1, often });
    this.section.querySelector('ol').append(item);
    this.section.hidden = false;
  }
}
