/**
 * The page's time: in whole milliseconds, and in output frames. The page moves once a frame and
 * stands still while stills are taken; what it waits for is known.
 */

// ---- time: in whole milliseconds; finer ones are jittered, differently in each process ----------

const whole = (time) => Math.round(time);
performance.now = function now() { return whole(native.now()); };

// ---- what the page waits for --------------------------------------------------------------------

const timers = new Map(); // id -> page time at which it is due, in ms
const runnable = (handler) => (typeof handler === 'function' ? handler : new Function(String(handler)));
const wait = (ms) => Math.max(0, Number(ms) || 0);
window.setTimeout = function setTimeout(handler, ms, ...values) {
  const run = runnable(handler);
  const id = native.setTimeout(() => { timers.delete(id); run.apply(window, values); }, ms);
  timers.set(id, whole(native.now()) + wait(ms));
  return id;
};
window.setInterval = function setInterval(handler, ms, ...values) {
  const run = runnable(handler);
  const id = native.setInterval(() => {
    if (timers.has(id)) timers.set(id, whole(native.now()) + wait(ms));
    run.apply(window, values);
  }, ms);
  timers.set(id, whole(native.now()) + wait(ms));
  return id;
};
window.clearTimeout = function clearTimeout(id) { timers.delete(id); native.clearTimeout(id); };
window.clearInterval = function clearInterval(id) { timers.delete(id); native.clearInterval(id); };

// ---- gates: the page moves once an output frame, and stands still while stills are taken --------

let open = true; // until the first step the page loads freely
let pumped = false;
let pumping = false; // a native callback is on its way
let nextId = 1;
const animationFrames = new Map(); // id -> callback
const videoFrames = new Map(); // id -> {video, callback}
let stepped = 0; // the output frame
const observed = []; // deliveries of observers held back

function pump(exact) {
  pumping = false;
  if (!open || pumped) return;
  const time = whole(exact);
  pumped = true;
  const due = [...animationFrames];
  for (const [id, callback] of due) {
    if (!animationFrames.delete(id)) continue; // cancelled by one before it
    try { callback(time); } catch (error) { reportError(error); }
  }
  for (const [id, { video, callback }] of [...videoFrames]) {
    if (!videoFrames.delete(id)) continue;
    const metadata = { presentationTime: time, expectedDisplayTime: time, mediaTime: time / 1000,
      width: video.videoWidth, height: video.videoHeight, presentedFrames: stepped };
    try { callback.call(video, time, metadata); } catch (error) { reportError(error); }
  }
}

function wake() {
  if (!open || pumped || pumping || animationFrames.size + videoFrames.size === 0) return;
  pumping = true;
  native.requestAnimationFrame(pump);
}

/** An output frame before the step's that the browser does not see: the page moves in it by its
 * scripts alone. */
function moved(frame) {
  const last = stepped;
  stepped = frame;
  pumped = false;
  pump(native.now());
  stepped = last;
  pumped = false;
  wake();
}

window.requestAnimationFrame = function requestAnimationFrame(callback) {
  if (typeof callback !== 'function') throw new TypeError('parameter 1 is not a function');
  const id = nextId++;
  animationFrames.set(id, callback);
  wake();
  return id;
};
window.cancelAnimationFrame = function cancelAnimationFrame(id) { animationFrames.delete(id); };
HTMLVideoElement.prototype.requestVideoFrameCallback = function requestVideoFrameCallback(callback) {
  const id = nextId++;
  videoFrames.set(id, { video: this, callback });
  wake();
  return id;
};
HTMLVideoElement.prototype.cancelVideoFrameCallback = function cancelVideoFrameCallback(id) { videoFrames.delete(id); };

window.ResizeObserver = class ResizeObserver extends native.ResizeObserver {
  constructor(callback) {
    super((entries, observer) => {
      if (open) callback.call(observer, entries, observer);
      else observed.push(() => callback.call(observer, entries, observer));
    });
  }
};

// ---- scrolling: a smooth scroll moves nothing in its first frames, and no animation tells of it ---

const SCROLLS = 6; // steps for which one is waited for
let scrolling = 0;
const scrolls = (owner, names) => {
  for (const name of names) {
    const original = owner[name];
    owner[name] = function scrolled(...values) { scrolling = SCROLLS; return original.apply(this, values); };
  }
};
scrolls(Element.prototype, ['scroll', 'scrollTo', 'scrollBy', 'scrollIntoView']);
scrolls(window, ['scroll', 'scrollTo', 'scrollBy']);
window.addEventListener('scroll', () => { scrolling = SCROLLS; }, true);

// ---- canvases whose pictures are gone once they were shown: every frame of theirs has to be drawn ----

let presenting = false;
for (const owner of [HTMLCanvasElement.prototype, window.OffscreenCanvas?.prototype]) {
  const original = owner?.getContext;
  if (!original) continue;
  owner.getContext = function getContext(kind, ...more) {
    presenting ||= String(kind) !== '2d';
    return original.call(this, kind, ...more);
  };
}
const { transferControlToOffscreen } = HTMLCanvasElement.prototype;
HTMLCanvasElement.prototype.transferControlToOffscreen = function transfer() {
  presenting = true;
  return transferControlToOffscreen.call(this);
};
const presents = () => presenting || document.querySelector('iframe') !== null;

// ---- animations ----------------------------------------------------------------------------------

let instant = null; // of the animations' timeline at the step's frame
const frozen = new Map(); // animation -> {startTime, playbackRate}

/** Animations are whole milliseconds old at a step's frame: what is finer is jitter. */
function align() {
  if (instant === null) return;
  for (const animation of document.getAnimations()) {
    const { startTime, timeline } = animation;
    if (startTime === null || timeline !== document.timeline || animation.playState !== 'running') continue;
    const due = instant - whole(instant - startTime);
    if (Math.abs(due - startTime) > 1e-6) animation.startTime = due;
  }
}

/** An animation that moves or changes a video, or what holds one: of those properties only. */
const CARRIES = /^(transform|translate|rotate|scale|left|top|right|bottom|width|height|inset.*|margin.*|padding.*|gap|rowGap|columnGap|grid.*|flex.*|zoom|offset.*|clipPath|objectPosition|opacity|perspective.*)$/;
function carriesVideo() {
  const holders = new Set();
  for (const { video } of elements) {
    for (let node = video; node; node = node.parentNode ?? node.host) holders.add(node);
  }
  if (holders.size === 0) return false;
  return document.getAnimations().some((animation) => holders.has(animation.effect?.target)
    && (frozen.has(animation) || animation.playState === 'running') && !animation.effect.pseudoElement
    && animation.effect.getKeyframes().some((frame) => Object.keys(frame).some((name) => CARRIES.test(name))));
}

/** Whether animations run, and in how many milliseconds the next one begins that does not yet. */
function animations() {
  let begin = null;
  let animated = frozen.size > 0;
  for (const animation of document.getAnimations()) {
    animated ||= animation.pending;
    if (animated) break;
    if (animation.playState !== 'running' || animation.timeline !== document.timeline) continue;
    const { progress, delay, localTime } = animation.effect?.getComputedTiming() ?? {};
    animated = progress !== null;
    if (progress !== null || localTime === null || animation.playbackRate <= 0) continue;
    const wanted = whole((delay - localTime) / animation.playbackRate);
    if (localTime < delay && (begin === null || wanted < begin)) begin = wanted;
  }
  return { animated, begin };
}

/** Animations stand where the step's frame showed them, however many frames of it are issued. At a
 * rate of 0, as one that was paused by script heeds `animation-play-state` no more. */
function freeze() {
  for (const animation of document.getAnimations()) {
    const { startTime, playbackRate } = animation;
    if (animation.playState !== 'running' || startTime === null || playbackRate === 0 || instant === null || frozen.has(animation)) continue;
    if (animation.timeline !== document.timeline) continue;
    frozen.set(animation, { startTime, playbackRate });
    animation.playbackRate = 0;
    animation.currentTime = whole(instant - startTime) * playbackRate;
  }
}

function thaw() {
  for (const [animation, { startTime, playbackRate }] of frozen) {
    if (animation.playbackRate !== 0) continue; // by the page
    animation.playbackRate = playbackRate;
    if (animation.playState === 'running') animation.startTime = startTime;
  }
  frozen.clear();
}
