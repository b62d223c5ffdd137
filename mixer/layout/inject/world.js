/**
 * What the world is like for a page that nobody looks at: the browser's own functions are kept
 * for us, chance is seeded, what such a page cannot have is taken away, and what it does is noted.
 */

const native = {
  setTimeout: window.setTimeout.bind(window),
  clearTimeout: window.clearTimeout.bind(window),
  setInterval: window.setInterval.bind(window),
  clearInterval: window.clearInterval.bind(window),
  requestAnimationFrame: window.requestAnimationFrame.bind(window),
  now: performance.now.bind(performance),
  stringify: JSON.stringify,
  VideoFrame: window.VideoFrame,
  Generator: window.MediaStreamTrackGenerator,
  MediaStream: window.MediaStream,
  ResizeObserver: window.ResizeObserver,
  rvfc: HTMLVideoElement.prototype.requestVideoFrameCallback,
  srcObject: Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, 'srcObject'),
  clone: MediaStreamTrack.prototype.clone,
  streamClone: MediaStream.prototype.clone,
  play: HTMLMediaElement.prototype.play,
  createElement: document.createElement.bind(document),
  getContext: HTMLCanvasElement.prototype.getContext,
};
const notes = [];
const note = (type, detail) => { if (notes.length < 50) notes.push({ type, detail: String(detail ?? '').slice(0, 300) }); };

// ---- chance: seeded, so that a page is the same every time (xorshift32) -------------------------

let chance = config.seed >>> 0 || 1;
Math.random = function random() {
  chance ^= chance << 13; chance >>>= 0;
  chance ^= chance >>> 17;
  chance ^= chance << 5; chance >>>= 0;
  return chance / 4294967296;
};
if (window.crypto) {
  crypto.getRandomValues = (array) => {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    for (let i = 0; i < bytes.length; i += 1) bytes[i] = Math.floor(Math.random() * 256);
    return array;
  };
  if (crypto.randomUUID) {
    crypto.randomUUID = () => '10000000-1000-4000-8000-100000000000'.replace(/[018]/g,
      (c) => (Number(c) ^ ((Math.random() * 256) & (15 >> (Number(c) / 4)))).toString(16));
  }
}

// ---- what a page that nobody looks at cannot have -----------------------------------------------

// Taken away, not made undefined: pages ask `'serviceWorker' in navigator`.
for (const name of ['mediaDevices', 'getUserMedia', 'webkitGetUserMedia', 'serviceWorker']) delete Navigator.prototype[name];
window.open = (url) => { note('popup', url); return null; };
window.close = () => { note('closing'); };
window.alert = (text) => { note('dialog', text); };
window.confirm = (text) => { note('dialog', text); return false; };
window.prompt = (text) => { note('dialog', text); return null; };
window.print = () => { note('dialog', 'print'); };
let died = null; // how the first script of the page ended that did not do all it was there for
const thrown = new Set();
const threw = (text) => {
  if (text.startsWith('ResizeObserver loop')) return; // the browser's word for: in the next frame
  note('error', text);
  if (thrown.size < 50) thrown.add(text);
  died ??= `threw before it was ready: ${text}`;
};
const lacks = (address) => { died ??= `lacks a script before it is ready: ${address}`; };
window.addEventListener('error', (event) => {
  const { message, target } = event;
  if (message) {
    threw(String(message));
    return;
  }
  const address = (target?.src || target?.href) ?? '';
  if (address) note('missing', address);
  else if (target instanceof HTMLScriptElement) note('error', 'a module that a script imports cannot be loaded');
  if (target instanceof HTMLScriptElement) lacks(address || 'a module that a script imports cannot be loaded');
}, true);
window.addEventListener('unhandledrejection', (event) => threw(String(event.reason?.message ?? event.reason)));
/** The browser's side tells of what a page is not told itself: rejections in scripts of other origins. */
const threwUnseen = (text) => {
  if (document.querySelector('iframe') !== null || [...thrown].some((seen) => seen.includes(text))) return;
  threw(text);
};

// ---- media of the page's own: they run by the clock on the wall, and nobody hears them ----------

const played = new WeakSet();
const plays = (media) => {
  const address = media.currentSrc;
  if (!address || native.srcObject.get.call(media) || played.has(media)) return;
  played.add(media);
  note('media', address);
};
window.addEventListener('playing', ({ target }) => { if (target instanceof HTMLMediaElement) plays(target); }, true);
HTMLMediaElement.prototype.play = function play() {
  if (!this.isConnected) this.addEventListener('playing', () => plays(this), { once: true });
  return native.play.call(this);
};
