/** Evaluated in a page: its texts, where they lie, and whether they are cut off; what else is to be asked. */
(({ markup, unseen }) => {
  const MOST = 400;
  const texts = [];
  const nodes = (root, found = []) => {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (node.shadowRoot) nodes(node.shadowRoot, found);
      else if (node.nodeType === Node.TEXT_NODE && node.data.trim()) found.push(node);
    }
    return found;
  };
  const up = (element) => element.assignedSlot ?? element.parentElement ?? element.getRootNode().host ?? null;
  const named = (element) => element.tagName.toLowerCase() + (element.id ? `#${element.id}` : '')
    + [...element.classList].slice(0, 2).map((name) => `.${name}`).join('');
  /** Whether something that nothing is seen through lies over a text: it is not to be read then. */
  const covered = (element, { left, top, right, bottom }) => {
    if (getComputedStyle(element).pointerEvents === 'none') return false; // not among those at a point
    const around = new Set();
    for (let one = element; one; one = up(one)) around.add(one);
    for (const over of document.elementsFromPoint((left + right) / 2, (top + bottom) / 2)) {
      if (around.has(over)) return false;
      const { opacity, backgroundColor } = getComputedStyle(over);
      const solid = over.naturalWidth > 0 || over.readyState > 1 || rgba(backgroundColor)[3] === 1;
      if (solid && opacity === '1') return true;
    }
    return false;
  };
  const dot = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const known = new Map();
  /** Any CSS colour as sRGB: red, green, blue in 0..255, opacity in 0..1. */
  const rgba = (colour) => {
    if (!known.has(colour)) {
      dot.clearRect(0, 0, 1, 1);
      dot.fillStyle = colour;
      dot.fillRect(0, 0, 1, 1);
      const [red, green, blue, alpha] = dot.getImageData(0, 0, 1, 1).data;
      known.set(colour, [red, green, blue, alpha / 255]);
    }
    return known.get(colour);
  };
  const lost = (box, clip) => Math.max(clip.left - box.left, box.right - clip.right, clip.top - box.top, box.bottom - clip.bottom);

  for (const node of nodes(document.body).slice(0, MOST)) {
    const element = node.parentElement ?? node.getRootNode().host;
    if (!element?.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    if (['SCRIPT', 'STYLE', 'NOSCRIPT', 'TEXTAREA', 'OPTION'].includes(element.tagName)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const box = range.getBoundingClientRect();
    if (box.width < 2 || box.height < 2) continue;
    const style = getComputedStyle(element);
    let shown = { left: box.left, top: box.top, right: box.right, bottom: box.bottom };
    let cut = null;
    let ellipsis = false;
    let opacity = 1;
    let block = null;
    for (let one = element; one; one = up(one)) {
      const of = getComputedStyle(one);
      opacity *= Number(of.opacity);
      if (of.display === 'inline' || of.display === 'contents') continue;
      block ??= one;
      const clips = of.overflowX !== 'visible' || of.overflowY !== 'visible';
      if (!clips || one === document.body || one === document.documentElement) continue;
      ellipsis ||= of.textOverflow === 'ellipsis' || of.webkitLineClamp !== 'none';
      const clip = one.getBoundingClientRect();
      if (lost(box, clip) > 2 && !ellipsis) cut ??= `is cut off by ${named(one)}`;
      shown = { left: Math.max(shown.left, clip.left), top: Math.max(shown.top, clip.top),
        right: Math.min(shown.right, clip.right), bottom: Math.min(shown.bottom, clip.bottom) };
    }
    if (shown.right - shown.left < 2 || shown.bottom - shown.top < 2 || covered(element, shown)) continue;
    const page = { left: 0, top: 0, right: innerWidth, bottom: innerHeight };
    if (!cut && !ellipsis && lost(shown, page) > 2) cut = 'leaves the page';
    if (!cut && !ellipsis && block && block.scrollWidth > block.clientWidth + 2 && block.clientWidth > 0
      && lost(box, block.getBoundingClientRect()) > 2) cut = `runs out of ${named(block)}`;
    texts.push({ text: node.data.trim().slice(0, 80), where: named(element), cut, opacity,
      box: [shown.left, shown.top, shown.right, shown.bottom].map((side) => Math.round(side)),
      colour: rgba(style.color), size: parseFloat(style.fontSize), weight: Number(style.fontWeight) });
  }
  const all = texts.map(({ text }) => text).join('\n');
  return {
    texts,
    markup: document.querySelector(markup) !== null,
    unseen: unseen.filter((name) => all.includes(name)),
    kind: __mixerVoxeet?.look().concerned ? 'voxeet' : 'page',
  };
})
