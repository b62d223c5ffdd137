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

const hide = (object, name, value) => {
  try { Object.defineProperty(object, name, { configurable: true, get: () => value, set() {} }); } catch { /* not there */ }
};
hide(navigator, 'mediaDevices', undefined);
hide(navigator, 'getUserMedia', undefined);
hide(navigator, 'webkitGetUserMedia', undefined);
hide(navigator, 'serviceWorker', undefined);
window.open = (url) => { note('popup', url); return null; };
window.close = () => { note('closing'); };
window.alert = (text) => { note('dialog', text); };
window.confirm = (text) => { note('dialog', text); return false; };
window.prompt = (text) => { note('dialog', text); return null; };
window.print = () => { note('dialog', 'print'); };
let died = null; // how the first script of the page ended that did not do all it was there for
const threw = (text) => {
  note('error', text);
  died ??= `threw before it was ready: ${text}`;
};
const lacks = (address) => { died ??= `lacks a script before it is ready: ${address}`; };
window.addEventListener('error', (event) => {
  const { message, target } = event;
  if (message) {
    threw(message);
    return;
  }
  const address = (target?.src || target?.href) ?? '';
  if (address) note('missing', address);
  else if (target instanceof HTMLScriptElement) note('error', 'a module that a script imports cannot be loaded');
  if (target instanceof HTMLScriptElement) lacks(address || 'a module that a script imports cannot be loaded');
}, true);
window.addEventListener('unhandledrejection', (event) => threw(event.reason?.message ?? event.reason));
