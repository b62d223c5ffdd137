/**
 * Characters of the page's text that no font can draw: they show as boxes. What a font draws for them
 * is what it draws for a noncharacter, which no font has.
 */

const NONCHARACTER = '\u{1FFFF}';
// Not ASCII, and with a picture of its own: no white space, marks, controls, fillers, selectors.
const PICTURED = /[^\p{ASCII}\p{White_Space}\p{M}\p{Cc}\p{Cf}\p{Cs}\p{Default_Ignorable_Code_Point}\u2800]/gu;
const GLYPH_SIDE = 40; // pixels
const MOST_MISSING = 200;
const missing = new Set();
const drawn = new Map(); // font and character -> whether it has a glyph
let textChanged = true;
let drawing = null;

const textObserver = new MutationObserver(() => { textChanged = true; });
const watchText = (root) => textObserver.observe(root, { subtree: true, childList: true, characterData: true });
watchText(document);
document.fonts.addEventListener('loadingdone', () => { textChanged = true; drawn.clear(); });

/** All such characters so far, sorted; looks only when text or fonts have changed. */
function missingGlyphs() {
  if (textObserver.takeRecords().length) textChanged = true;
  if (textChanged && document.body && document.fonts.status !== 'loading') {
    textChanged = false;
    lookThrough(document.body);
  }
  return [...missing].sort().join('');
}

function lookThrough(root) {
  const nodes = document.createTreeWalker(root, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
  for (let node = nodes.nextNode(); node; node = nodes.nextNode()) {
    if (node.shadowRoot) {
      watchText(node.shadowRoot);
      lookThrough(node.shadowRoot);
    } else if (node.nodeType === Node.TEXT_NODE) {
      const wanted = node.data.match(PICTURED);
      if (wanted && isShown(node)) lookAt(wanted, fontOf(node.parentElement ?? root.host));
    }
  }
}

function isShown(text) {
  const range = document.createRange();
  range.selectNode(text);
  return range.getClientRects().length > 0;
}

/** The element's font, without families that would have to be fetched: what it shows is there. */
function fontOf(element) {
  const style = getComputedStyle(element);
  const there = new Map();
  for (const { family, status } of document.fonts) {
    const name = family.replace(/^["']|["']$/g, '');
    there.set(name, there.get(name) || status === 'loaded');
  }
  const families = style.fontFamily.split(',').filter((one) => there.get(one.trim().replace(/^["']|["']$/g, '')) !== false);
  return `${style.fontStyle} ${style.fontWeight} ${GLYPH_SIDE * 0.7}px ${families.join(',') || 'sans-serif'}`;
}

function lookAt(characters, font) {
  let none = null;
  for (const character of new Set(characters)) {
    const key = `${font} ${character}`;
    if (!drawn.has(key)) {
      none ??= pictureOf(NONCHARACTER, font);
      drawn.set(key, pictureOf(character, font).some((pixel, at) => pixel !== none[at]));
    }
    if (!drawn.get(key) && missing.size < MOST_MISSING) missing.add(character);
  }
}

function pictureOf(character, font) {
  if (!drawing) {
    const canvas = native.createElement('canvas');
    canvas.width = canvas.height = GLYPH_SIDE;
    drawing = native.getContext.call(canvas, '2d', { willReadFrequently: true });
  }
  drawing.clearRect(0, 0, GLYPH_SIDE, GLYPH_SIDE);
  drawing.font = font;
  drawing.fillText(character, GLYPH_SIDE * 0.1, GLYPH_SIDE * 0.75);
  return new Uint32Array(drawing.getImageData(0, 0, GLYPH_SIDE, GLYPH_SIDE).data.buffer);
}
