/**
 * The mixer's hand inside the page: test cards for videos, gates for the page's callbacks, and
 * knowledge of what the page still waits for. Runs after the layout SDK and before any script of
 * the page, in every frame of it. The other end is mixer/layout/page.py, through
 * `__mixerHost` (not enumerable). The argument at the very end is replaced by JSON before it runs.
 */
((config) => {
  'use strict';
  const native = {
    setTimeout: window.setTimeout.bind(window),
    clearTimeout: window.clearTimeout.bind(window),
    setInterval: window.setInterval.bind(window),
    clearInterval: window.clearInterval.bind(window),
    requestAnimationFrame: window.requestAnimationFrame.bind(window),
    fetch: window.fetch?.bind(window),
    now: performance.now.bind(performance),
    VideoFrame: window.VideoFrame,
    Generator: window.MediaStreamTrackGenerator,
    MediaStream: window.MediaStream,
    ResizeObserver: window.ResizeObserver,
    rvfc: HTMLVideoElement.prototype.requestVideoFrameCallback,
    cancelRvfc: HTMLVideoElement.prototype.cancelVideoFrameCallback,
    srcObject: Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, 'srcObject'),
    clone: MediaStreamTrack.prototype.clone,
    streamClone: MediaStream.prototype.clone,
  };
  const notes = [];
  const note = (type, detail) => { if (notes.length < 50) notes.push({ type, detail: String(detail ?? '').slice(0, 300) }); };

  // ---- chance: seeded, so that a page is the same every time (xorshift32) -----------------------

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

  // ---- what a page that nobody looks at cannot have ---------------------------------------------

  const hide = (object, name, value) => {
    try { Object.defineProperty(object, name, { configurable: true, get: () => value }); } catch { /* not there */ }
  };
  hide(navigator, 'mediaDevices', undefined);
  hide(navigator, 'getUserMedia', undefined);
  hide(navigator, 'webkitGetUserMedia', undefined);
  hide(navigator, 'serviceWorker', undefined);
  window.open = (url) => { note('popup', url); return null; };
  window.alert = (text) => { note('dialog', text); };
  window.confirm = (text) => { note('dialog', text); return false; };
  window.prompt = (text) => { note('dialog', text); return null; };
  window.print = () => { note('dialog', 'print'); };
  window.addEventListener('error', (event) => {
    if (event.message) note('error', event.message);
    else if (event.target?.src ?? event.target?.href) note('missing', event.target.src ?? event.target.href);
  }, true);
  window.addEventListener('unhandledrejection', (event) => note('error', event.reason?.message ?? event.reason));

  // ---- time: in whole milliseconds; finer ones are jittered, differently in each process --------

  const whole = (time) => Math.round(time);
  performance.now = function now() { return whole(native.now()); };

  // ---- what the page waits for ------------------------------------------------------------------

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

  // ---- gates: the page moves once an output frame, and stands still while stills are taken ------

  let open = true; // until the first step the page loads freely
  let pumped = false;
  let pumping = false; // a native callback is on its way
  let nextId = 1;
  const animationFrames = new Map(); // id -> callback
  const videoFrames = new Map(); // id -> {video, callback}
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
    for (const [id, { video, callback, stream }] of [...videoFrames]) {
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

  // ---- videos: a generator for each element, fed with test cards --------------------------------

  const streamIds = new WeakMap(); // MediaStream or MediaStreamTrack -> conference's stream id
  const parked = new Set(); // WeakRefs of video elements that are not in the document
  const parkedElements = new WeakMap();
  const elements = []; // {video, number, stream, given, generator, writer, shown, wanted, size}
  const sources = new Map(); // stream id -> {available, width, height}
  const cards = new Map(); // name -> RGBX bytes, CARD_WIDTH x CARD_HEIGHT
  const CARD_WIDTH = 256;
  const CARD_HEIGHT = 144;
  let stamp = 0; // of the last card, in steps of 1 ms
  let stepped = 0;
  let resting = 'ramp';

  function publicStream(streamId) {
    const track = new native.Generator({ kind: 'video' });
    const stream = new native.MediaStream([track]);
    streamIds.set(stream, streamId);
    streamIds.set(track, streamId);
    return stream;
  }

  /** The conference's stream that a MediaStream carries, also after it or its tracks were copied. */
  function conferenceStream(stream) {
    if (!(stream instanceof native.MediaStream)) return undefined;
    if (streamIds.has(stream)) return streamIds.get(stream);
    for (const track of stream.getVideoTracks()) if (streamIds.has(track)) return streamIds.get(track);
    return undefined;
  }

  const tagged = (copy, original) => {
    if (streamIds.has(original)) streamIds.set(copy, streamIds.get(original));
    return copy;
  };
  MediaStreamTrack.prototype.clone = function clone() { return tagged(native.clone.call(this), this); };
  MediaStream.prototype.clone = function clone() { return tagged(native.streamClone.call(this), this); };

  function freeNumber() {
    const taken = new Set(elements.map(({ number }) => number));
    let number = 0;
    while (taken.has(number)) number += 1;
    return number;
  }

  function bind(element) {
    const { video } = element;
    element.generator?.stop();
    element.generator = new native.Generator({ kind: 'video' });
    element.writer = element.generator.writable.getWriter();
    element.writer.closed.catch(() => {});
    element.shown = null;
    element.blank = true;
    native.srcObject.set.call(video, new native.MediaStream([element.generator]));
    video.muted = true;
    video.autoplay = true;
  }

  Object.defineProperty(HTMLMediaElement.prototype, 'srcObject', {
    configurable: true,
    enumerable: true,
    get() { return (elements.find(({ video }) => video === this) ?? parkedElements.get(this))?.given ?? native.srcObject.get.call(this); },
    set(stream) {
      const index = elements.findIndex(({ video }) => video === this);
      const streamId = this instanceof HTMLVideoElement ? conferenceStream(stream) : undefined;
      if (index >= 0 && streamId !== undefined && elements[index].stream === streamId) {
        elements[index].given = stream;
        return;
      }
      parkedElements.delete(this);
      if (streamId === undefined) {
        if (index >= 0) elements.splice(index, 1)[0].generator.stop();
        native.srcObject.set.call(this, stream);
        return;
      }
      let element = elements[index];
      if (!element) {
        element = { video: this, number: freeNumber() };
        elements.push(element);
      }
      Object.assign(element, { stream: streamId, given: stream });
      bind(element);
    },
  });

  function cardBytes(name, number) {
    const key = name === 'ramp' ? `ramp:${number % 15}` : name === 'group' ? `group:${Math.floor(number / 15)}` : name;
    let bytes = cards.get(key);
    if (bytes) return bytes;
    bytes = new Uint8Array(CARD_WIDTH * CARD_HEIGHT * 4).fill(255);
    const [kind, digit] = key.split(':');
    const colour = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/.exec(name);
    for (let i = 0, y = 0; y < CARD_HEIGHT; y += 1) {
      for (let x = 0; x < CARD_WIDTH; x += 1, i += 4) {
        if (kind === 'ramp') bytes.set([x, y, (Number(digit) + 1) * 16], i);
        else if (kind === 'pmar') bytes.set([255 - x, 255 - y, 0], i);
        else if (kind === 'group') bytes.set([0, 0, (Number(digit) + 1) * 16], i);
        else if (colour) bytes.set(colour.slice(1).map((hex) => parseInt(hex, 16)), i);
      }
    }
    cards.set(key, bytes);
    return bytes;
  }

  function write(element, name) {
    const size = sources.get(element.stream);
    const picture = pictures.get(element.stream);
    stamp += 1;
    let frame;
    if (name === 'picture' && picture) {
      frame = new native.VideoFrame(picture.bytes, { format: 'I420', timestamp: stamp * 1000,
        codedWidth: picture.width, codedHeight: picture.height, colorSpace: picture.colorSpace,
        displayWidth: size.width, displayHeight: size.height });
    } else {
      frame = new native.VideoFrame(cardBytes(name === 'picture' ? '#000000' : name, element.number), { format: 'RGBX',
        codedWidth: CARD_WIDTH, codedHeight: CARD_HEIGHT, displayWidth: size.width, displayHeight: size.height,
        timestamp: stamp * 1000 });
    }
    element.awaited = stamp;
    element.patience = 3;
    element.blank = false;
    const awaited = stamp;
    native.rvfc.call(element.video, function shown(_, { mediaTime }) {
      if (Math.round(mediaTime * 1000) >= awaited) element.shown = awaited;
      else if (element.awaited === awaited) native.rvfc.call(element.video, shown);
    });
    element.writer.write(frame).catch(() => {});
  }

  const available = ({ stream }) => sources.get(stream)?.available === true;

  /** Elements that left the document give back their number; they get one when they return. */
  function tidy() {
    for (const element of elements.filter(({ video }) => !video.isConnected)) {
      elements.splice(elements.indexOf(element), 1);
      element.generator.stop();
      parked.add(new WeakRef(element.video));
      parkedElements.set(element.video, element);
    }
    for (const reference of parked) {
      const video = reference.deref();
      if (video && !video.isConnected) continue;
      parked.delete(reference);
      const element = video && parkedElements.get(video);
      if (!element || elements.some((other) => other.video === video)) continue;
      Object.assign(element, { number: freeNumber(), wanted: null });
      elements.push(element);
      bind(element);
    }
  }

  const wantedKey = (element, name) => {
    const { width, height } = sources.get(element.stream);
    return `${name}:${width}x${height}:${name === 'picture' ? pictures.get(element.stream)?.id : ''}`;
  };

  /** Sees to it that every element shows its card; true when all do. `names`: number -> card. */
  function settle(names, otherwise) {
    let done = true;
    tidy();
    for (const element of elements) {
      if (!available(element)) {
        if (!element.blank) bind(element); // its source is gone: it shows nothing again
        continue;
      }
      const key = wantedKey(element, names?.[element.number] ?? otherwise);
      if (element.wanted !== key || element.shown === null && element.blank) {
        element.wanted = key;
        element.shown = null;
        write(element, names?.[element.number] ?? otherwise);
        done = false;
      } else if (element.shown !== element.awaited) {
        done = false;
        element.patience -= 1; // the first card of a new element only starts it
        if (element.patience <= 0) write(element, names?.[element.number] ?? otherwise);
      }
    }
    return done;
  }

  function takeSources(state) {
    sources.clear();
    for (const participant of state?.participants ?? []) {
      if (participant.type === 'mixer') continue;
      for (const { id, video } of participant.streams ?? []) {
        if (video) {
          sources.set(id, { available: video.available === true && video.width > 0 && video.height > 0,
            width: video.width, height: video.height });
        }
      }
    }
  }

  // ---- pixels read by the page: such a page cannot be rendered with mattes ----------------------

  const readers = new Set();
  const ours = (value) => value instanceof HTMLVideoElement && elements.some(({ video }) => video === value);
  const watch = (owner, name) => {
    const original = owner?.[name];
    if (!original) return;
    owner[name] = function watched(...values) {
      if (values.some(ours)) readers.add(name);
      return original.apply(this, values);
    };
  };
  watch(CanvasRenderingContext2D.prototype, 'drawImage');
  watch(CanvasRenderingContext2D.prototype, 'createPattern');
  watch(window.OffscreenCanvasRenderingContext2D?.prototype, 'drawImage');
  for (const context of [window.WebGLRenderingContext, window.WebGL2RenderingContext]) {
    for (const name of ['texImage2D', 'texSubImage2D', 'texImage3D', 'texSubImage3D']) watch(context?.prototype, name);
  }
  watch(window.GPUDevice?.prototype, 'importExternalTexture');
  watch(window, 'createImageBitmap');

  // ---- why a page's videos cannot be rendered with mattes, by CSS -------------------------------

  const matrixIsFlat = (text) => {
    if (text === 'none') return true;
    const values = /^matrix\(([^)]*)\)$/.exec(text)?.[1].split(',').map(Number);
    return Boolean(values) && Math.abs(values[1]) < 1e-6 && Math.abs(values[2]) < 1e-6;
  };

  function suspects(element) {
    const found = [];
    for (let node = element.video; node instanceof Element; node = node.parentElement ?? node.getRootNode().host) {
      const style = getComputedStyle(node);
      for (const property of ['filter', 'mixBlendMode', 'maskImage', 'perspective']) {
        const value = style[property];
        if (value && value !== 'none' && value !== 'normal' && property !== 'maskImage') found.push(`${property}: ${value}`);
      }
      if (!matrixIsFlat(style.transform)) found.push(`transform: ${style.transform}`);
      if (style.rotate && style.rotate !== 'none') found.push(`rotate: ${style.rotate}`);
    }
    const box = element.video.getBoundingClientRect();
    for (const node of document.querySelectorAll('*')) {
      if (node === element.video) continue;
      const style = getComputedStyle(node);
      const blend = style.mixBlendMode !== 'normal' ? `mixBlendMode: ${style.mixBlendMode}` : '';
      const behind = style.backdropFilter && style.backdropFilter !== 'none' ? `backdropFilter: ${style.backdropFilter}` : '';
      if (!blend && !behind) continue;
      const other = node.getBoundingClientRect();
      if (other.left < box.right && box.left < other.right && other.top < box.bottom && box.top < other.bottom) {
        found.push(behind || blend);
      }
    }
    return [...new Set(found)];
  }

  // ---- the host's side --------------------------------------------------------------------------

  const layout = config.layout && window === window.top ? window.mixerLayout : null;
  const progress = { ready: false, failed: null, finished: false };
  const pictures = new Map(); // stream id -> {id, bytes, width, height, colorSpace}
  const bytesOf = (base64) => (Uint8Array.fromBase64 ? Uint8Array.fromBase64(base64)
    : Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)));

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

  function movingAnimations() {
    return frozen.size > 0 || document.getAnimations().some((animation) => animation.playState === 'running' && animation.timeline === document.timeline
      && animation.effect?.getComputedTiming().progress !== null || animation.pending);
  }

  let instant = null; // of the animations' timeline at the step's frame
  const frozen = new Map(); // animation -> its start time

  /** Animations stand where the step's frame showed them, however many frames of it are issued. */
  function freeze() {
    for (const animation of document.getAnimations()) {
      const { startTime } = animation;
      if (animation.playState !== 'running' || startTime === null || instant === null || frozen.has(animation)) continue;
      if (animation.timeline !== document.timeline) continue;
      frozen.set(animation, startTime);
      animation.pause();
      animation.currentTime = whole(instant - startTime) * animation.playbackRate;
    }
  }

  function thaw() {
    for (const [animation, startTime] of frozen) {
      if (animation.playState === 'paused') animation.startTime = startTime;
    }
    frozen.clear();
  }

  const host = {
    freeze,
    /** Before an output frame: what happened in the conference, and the page may move once. */
    step({ events, frame }) {
      thaw();
      open = true;
      pumped = false;
      stepped = frame;
      native.requestAnimationFrame(() => { if (open) instant = document.timeline.currentTime; });
      for (const deliver of observed.splice(0)) { try { deliver(); } catch (error) { reportError(error); } }
      if (events?.length && layout) {
        layout.host.apply(events);
        takeSources(layout.host.state ?? layout.state);
      }
      wake();
    },
    /** After it: the page stands still; its videos get the resting card; what does it wait for? */
    look() {
      open = false;
      align();
      const settled = settle(null, resting);
      const now = whole(native.now());
      let due = null;
      for (const at of timers.values()) if (due === null || at < due) due = at;
      const touched = layout?.host.touched ?? false;
      return {
        settled,
        due: due === null ? null : Math.max(0, due - now),
        moving: animationFrames.size + videoFrames.size > 0 || observed.length > 0 || document.querySelector('iframe') !== null,
        animated: movingAnimations(),
        loaded: document.readyState === 'complete',
        ready: touched ? progress.ready : document.readyState === 'complete',
        failed: progress.failed,
        finished: progress.finished,
        notes: notes.splice(0),
        readers: [...readers],
        videos: elements.filter(available).map(({ number, stream, video }) => {
          const { width, height } = sources.get(stream);
          const box = video.getBoundingClientRect();
          return { number, stream, width, height, box: [box.left, box.top, box.width, box.height] };
        }),
      };
    },
    show(names, otherwise) { return settle(names, otherwise); },
    settle() { return settle(null, resting); },
    rest(name) { resting = name; },
    card(name, base64) { cards.set(name, bytesOf(base64)); },
    picture(streamId, id, width, height, colorSpace, base64) {
      pictures.set(streamId, { id, width, height, colorSpace, bytes: bytesOf(base64) });
    },
    suspects(number) {
      const element = elements.find((other) => other.number === number);
      return element ? suspects(element) : [];
    },
  };
  Object.defineProperty(window, '__mixerHost', { value: host, enumerable: false });

  if (layout) {
    layout.host.createMediaStream = publicStream;
    layout.host.onready = () => { progress.ready = true; };
    layout.host.onfail = (reason) => { progress.failed = String(reason ?? 'the page gave no reason'); };
    layout.host.onfinish = () => { progress.finished = true; };
    layout.host.reset(config.state, config.parameters);
    takeSources(config.state);
    layout.host.touched = false;
  }
})(__MIXER_CONFIG__);
