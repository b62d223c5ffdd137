/**
 * Inside the layout's page: the host's side of the layout SDK, driven by the preview's own page with
 * messages, and what the page says and does wrong, told to it. The state it begins with comes in the
 * frame's name, so that it is there before any script of the page.
 */

const FACES_HZ = 15;
const MANY = 12; // pictures, from which on they are drawn at half the size and half as often
const RECORDED_MS = 200; // between two pictures of a recording
const CAMERA = [640, 360];
const MOST_TOLD = 200;
const LEVELS_MS = 200;

const parent = window.parent;
const begin = (() => { try { return JSON.parse(window.name); } catch { return null; } })();
const sdk = window.mixerLayout;
sdk.host.touched = false;
const host = sdk.host;
const tell = (type, more = {}) => parent.postMessage({ mixer: type, run: begin?.run, ...more }, '*');

// ---- time -----------------------------------------------------------------------------------------

const clock = { at: begin?.t ?? 0, since: performance.now(), playing: true };
const seconds = () => clock.at + (clock.playing ? (performance.now() - clock.since) / 1000 : 0);

// ---- pictures -------------------------------------------------------------------------------------

const sources = new Map(); // stream id -> {canvas, draw, asked, recorded}

function createMediaStream(id) {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = sizeOf(id);
  const draw = canvas.getContext('2d');
  sources.set(id, { canvas, draw, asked: false });
  paint(id, sources.get(id));
  const stream = canvas.captureStream(FACES_HZ);
  ours.add(stream);
  return stream;
}

/** How loud whoever speaks is: up and down, for pages that ask (layouts/sdk/levels.js). */
setInterval(() => {
  if (!host.wantsLevels) return;
  const loud = (place) => 1 + Math.round(4 * Math.abs(Math.sin(3 * seconds() + place)));
  host.hear(Object.fromEntries(sdk.state.participants.map(({ id }, place) => [id, loud(place)])));
}, LEVELS_MS);

/** As in the mixer, a video that shows a stream of the conference plays, without being asked to. */
const ours = new WeakSet();
let isGiven = false; // a video of the page has one
const srcObject = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, 'srcObject');
Object.defineProperty(HTMLMediaElement.prototype, 'srcObject', {
  ...srcObject,
  set(stream) {
    srcObject.set.call(this, stream);
    if (!ours.has(stream)) return;
    isGiven = true;
    this.muted = true;
    this.autoplay = true;
    this.play().catch(() => {}); // not in the document yet: it plays when it is
  },
});

function whose(id) {
  for (const participant of sdk.state.participants) {
    const stream = participant.streams.find((one) => one.id === id);
    if (stream) return { participant, stream };
  }
  return null;
}

function sizeOf(id) {
  const video = whose(id)?.stream.video;
  const [width, height] = video?.width ? [video.width, video.height] : CAMERA;
  const scale = Math.min(1, (sources.size > MANY ? 320 : 1280) / width);
  return [Math.round(width * scale), Math.round(height * scale)];
}

function paint(id, source) {
  const found = whose(id);
  const [width, height] = [source.canvas.width, source.canvas.height];
  if (begin?.recording) { recorded(id, source); return; }
  if (id.endsWith('.camera')) {
    drawCamera(source.draw, width, height, id, seconds(), found?.participant.speaking ?? false, found?.participant.name ?? '');
  } else drawScreen(source.draw, width, height, id, seconds());
}

async function recorded(id, source) {
  if (source.asked || performance.now() < (source.again ?? 0)) return;
  source.asked = true;
  try {
    const answer = await native.fetch(`/__mixer__/picture?stream=${encodeURIComponent(id)}&t=${seconds().toFixed(2)}`);
    if (answer.ok) {
      const picture = await createImageBitmap(await answer.blob());
      if (source.canvas.width !== picture.width || source.canvas.height !== picture.height) {
        [source.canvas.width, source.canvas.height] = [picture.width, picture.height];
      }
      source.draw.drawImage(picture, 0, 0);
    }
  } catch { /* the preview has ended */ }
  source.asked = false;
  source.again = performance.now() + RECORDED_MS;
}

let turn = 0;
setInterval(() => {
  turn += 1;
  if (sources.size > MANY && turn % 2) return;
  for (const [id, source] of sources) if (whose(id)?.stream.video?.available) paint(id, source);
}, 1000 / FACES_HZ);

// ---- what the page does wrong ---------------------------------------------------------------------

let told = 0;
const wrong = (kind, detail) => {
  told += 1;
  if (told <= MOST_TOLD) tell('wrong', { kind, detail: String(detail ?? '').slice(0, 500) });
};
const native = { fetch: window.fetch.bind(window), log: {} };
const inWords = (value) => {
  if (value instanceof Error) return value.stack?.split('\n').slice(0, 2).join(' ') ?? value.message;
  if (typeof value !== 'object') return String(value);
  try { return JSON.stringify(value); } catch { return String(value); }
};
for (const level of ['error', 'warn']) {
  native.log[level] = console[level].bind(console);
  console[level] = (...values) => {
    native.log[level](...values);
    wrong(level === 'error' ? 'console' : 'warning', values.map(inWords).join(' '));
  };
}
let died = null; // how the first script of the page ended that did not do all it was there for
window.addEventListener('error', ({ message, filename, lineno, target }) => {
  if (message?.startsWith('ResizeObserver loop')) return; // the browser's word for: in the next frame
  if (message) {
    wrong('error', `${message}${filename ? ` (${filename.replace(location.origin, '')}:${lineno})` : ''}`);
    died ??= `the page threw before it was ready: ${message}`;
    return;
  }
  const address = (target?.src || target?.href) ?? '';
  if (address) wrong('request', `${address} did not load`);
  if (target instanceof HTMLScriptElement) {
    died ??= `the page lacks a script before it is ready: ${address || 'a module that a script imports cannot be loaded'}`;
  }
}, true);
window.addEventListener('unhandledrejection', ({ reason }) => {
  wrong('error', `not caught: ${reason?.message ?? reason}`);
  died ??= `the page threw before it was ready: ${reason?.message ?? reason}`;
});
window.fetch = async (...given) => {
  const address = given[0]?.url ?? given[0];
  try {
    const answer = await native.fetch(...given);
    if (!answer.ok) wrong('request', `${address} answers ${answer.status}`);
    return answer;
  } catch (error) {
    wrong('request', `${address} cannot be fetched: ${error.message}`);
    throw error;
  }
};
window.alert = (text) => wrong('dialog', `alert(“${text}”): a recording has no dialogs`);
window.confirm = (text) => { wrong('dialog', `confirm(“${text}”): a recording has no dialogs`); return false; };
window.prompt = (text) => { wrong('dialog', `prompt(“${text}”): a recording has no dialogs`); return null; };
window.open = (url) => { wrong('popup', `window.open(${url}): a recording has no pop-ups`); return null; };

// ---- the host's side ------------------------------------------------------------------------------

const progress = { ready: false, failed: null, finished: false };
host.createMediaStream = createMediaStream;
host.onready = () => { progress.ready = true; tell('ready', { ms: Math.round(performance.now()) }); };
host.onfail = (reason) => { progress.failed = reason; tell('failed', { reason }); };
host.onfinish = () => { progress.finished = true; };

if (begin) {
  host.reset(begin.state, begin.parameters);
  clock.playing = begin.playing ?? true;
}

window.addEventListener('message', ({ source, data }) => {
  if (source !== parent || !data?.mixer) return;
  if (data.t !== undefined) Object.assign(clock, { at: data.t, since: performance.now(), playing: data.playing });
  if (data.mixer === 'reset') host.reset(data.state);
  if (data.mixer === 'apply') host.apply(data.events);
  for (const id of sources.keys()) if (!whose(id)) sources.delete(id);
});

/** Keys that are the preview's, pressed while the page has the focus. */
window.addEventListener('keydown', (event) => {
  if (!event.target.closest?.('input, textarea, select, [contenteditable]')) tell('key', { key: event.key });
});

const legacy = window.__mixerVoxeet;
let loadedAt = null;
window.addEventListener('load', () => { loadedAt = performance.now(); });
setInterval(() => {
  const theirs = host.touched ? null : legacy?.look();
  if (!host.touched) legacy?.act();
  const loaded = document.readyState === 'complete';
  // As in mixer/layout/inject/host.js: what shows nobody, since its script is gone, is no layout.
  const dead = host.touched || theirs?.concerned || isGiven || host.hasElements() ? null : died;
  const ready = host.touched ? progress.ready : loaded && dead === null && (theirs?.ready ?? true);
  const kind = host.touched ? 'sdk' : theirs?.concerned ? 'voxeet' : 'elements';
  const awaits = !loaded ? 'the page is still loading'
    : host.touched ? 'mixerLayout.ready() was not called' : dead ?? theirs?.awaits ?? '';
  tell('look', { ready, kind, awaits, failed: progress.failed, ms: Math.round(loadedAt ?? performance.now()),
    finished: progress.finished || (theirs?.finished ?? false) });
}, 250);

host.touched = false;
tell('hello');
