/**
 * Videos: each element of the page that shows a stream of the conference has a generator, which is
 * fed with test cards, or with pictures for pages that read pixels.
 */

const streamIds = new WeakMap(); // MediaStreamTrack -> conference's stream id
const parked = new Set(); // WeakRefs of video elements that are not in the document any more
const parkedElements = new WeakMap();
const others = new Set(); // WeakRefs of those whose stream has nothing of the conference's yet
const otherVideos = new WeakSet();
const elements = []; // {video, number, stream, given, generator, writer, shown, wanted, seen, here, read}
const sources = new Map(); // stream id -> {available, width, height}
const cards = new Map(); // name -> RGBX bytes, CARD_WIDTH x CARD_HEIGHT
const pictures = new Map(); // stream id -> {id, bytes, width, height, colorSpace}
const bytesOf = (base64) => (Uint8Array.fromBase64 ? Uint8Array.fromBase64(base64)
  : Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)));
const CARD_WIDTH = 256;
const CARD_HEIGHT = 144;
let stamp = 0; // of the last card, in steps of 1 ms
let resting = 'ramp';
let asides = 1000; // numbers of those that never were in the document: in no still, read at most

function publicStream(streamId) {
  const track = new native.Generator({ kind: 'video' });
  const stream = new native.MediaStream([track]);
  streamIds.set(track, streamId);
  return stream;
}

/** The conference's stream that a MediaStream carries now, also after it or its tracks were copied. */
function conferenceStream(stream) {
  if (!(stream instanceof native.MediaStream)) return undefined;
  for (const track of stream.getVideoTracks()) if (streamIds.has(track)) return streamIds.get(track);
  return undefined;
}

const tagged = (copy, original) => {
  if (streamIds.has(original)) streamIds.set(copy, streamIds.get(original));
  return copy;
};
MediaStreamTrack.prototype.clone = function clone() { return tagged(native.clone.call(this), this); };
MediaStream.prototype.clone = function clone() {
  const copy = native.streamClone.call(this);
  const copies = copy.getVideoTracks();
  this.getVideoTracks().forEach((track, at) => tagged(copies[at], track));
  return copy;
};

const elementOf = (video) => elements.find((element) => element.video === video) ?? parkedElements.get(video);
const { captureStream } = HTMLMediaElement.prototype;
HTMLMediaElement.prototype.captureStream = function capture() {
  const element = elementOf(this);
  return element ? publicStream(element.stream) : captureStream.call(this);
};

/** An element of the page, which alone decides how long it lives. */
const held = (video) => {
  const reference = new WeakRef(video);
  return { get video() { return reference.deref(); }, read: false };
};

/** What it is told apart by, from now on. */
function enumerated(element) {
  const here = element.video.isConnected;
  if (element.here === here) return;
  if (!here) asides += 1;
  Object.assign(element, { here, number: here ? freeNumber() : asides, wanted: null, seen: false });
}

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
  element.seen = false;
  native.srcObject.set.call(video, new native.MediaStream([element.generator]));
  video.muted = true;
  video.autoplay = true;
}

/** The video shows this MediaStream: natively, if it has nothing of the conference's. */
function give(video, stream) {
  const index = elements.findIndex((element) => element.video === video);
  const streamId = video instanceof HTMLVideoElement ? conferenceStream(stream) : undefined;
  if (index >= 0 && streamId !== undefined && elements[index].stream === streamId) {
    elements[index].given = stream;
    return;
  }
  parkedElements.delete(video);
  if (streamId === undefined) {
    if (index >= 0) elements.splice(index, 1)[0].generator.stop();
    native.srcObject.set.call(video, stream);
    if (!(stream instanceof native.MediaStream && video instanceof HTMLVideoElement) || otherVideos.has(video)) return;
    otherVideos.add(video);
    others.add(new WeakRef(video));
    return;
  }
  const element = elements[index] ?? held(video);
  if (index < 0) elements.push(element);
  Object.assign(element, { stream: streamId, given: stream });
  enumerated(element);
  bind(element);
}

Object.defineProperty(HTMLMediaElement.prototype, 'srcObject', {
  configurable: true,
  enumerable: true,
  get() { return elementOf(this)?.given ?? native.srcObject.get.call(this); },
  set(stream) { give(this, stream); },
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
  // Paused by the page, or by the browser since it was moved: what is shown is the mixer's affair.
  if (element.video.paused) native.play.call(element.video).catch(() => {});
  native.rvfc.call(element.video, function shown(_, { mediaTime }) {
    if (Math.round(mediaTime * 1000) >= awaited) element.shown = awaited;
    else if (element.awaited === awaited) native.rvfc.call(element.video, shown);
  });
  element.writer.write(frame).catch(() => {});
}

const available = ({ stream }) => sources.get(stream)?.available === true;

/** Elements that left the document give back their number; they get one when they return. Those that
 * never were there, or are read, are shown to nobody, but feed canvases. */
function tidy() {
  for (const element of [...elements]) {
    const { video } = element;
    if (video && (video.isConnected || !element.here || element.read)) {
      enumerated(element);
      if (conferenceStream(element.given) !== element.stream) give(video, element.given);
      continue;
    }
    elements.splice(elements.indexOf(element), 1);
    element.generator.stop();
    if (!video) continue;
    element.here = false;
    parked.add(new WeakRef(video));
    parkedElements.set(video, element);
  }
  for (const reference of parked) {
    const video = reference.deref();
    const element = video && parkedElements.get(video);
    if (element && !video.isConnected && !element.read) continue;
    parked.delete(reference);
    if (!element || elements.includes(element)) continue;
    element.here = undefined;
    enumerated(element);
    elements.push(element);
    bind(element);
  }
  for (const reference of others) {
    const video = reference.deref();
    const stream = video && native.srcObject.get.call(video);
    const streamId = conferenceStream(stream);
    if (stream instanceof native.MediaStream && streamId === undefined && !elementOf(video)) continue;
    others.delete(reference);
    if (video) otherVideos.delete(video);
    if (streamId !== undefined) give(video, stream);
  }
}

/** Whether the mixer is told of it: of those out of the document, where the page reads pixels. */
const isTold = ({ here }) => here || readers.size > 0 || resting === 'picture';

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
    const name = isTold(element) ? names?.[element.number] ?? otherwise : resting;
    const key = wantedKey(element, name);
    if (element.wanted !== key || element.shown === null && element.blank) {
      element.wanted = key;
      element.shown = null;
      write(element, name);
      done = false;
    } else if (element.shown !== element.awaited) {
      done = false;
      element.patience -= 1; // the first card of a new element only starts it
      if (element.patience <= 0) write(element, name);
    }
  }
  return done;
}

/** As far as the page can tell: what lies over a video is not asked for. */
function inView({ video }) {
  const { left, top, right, bottom, width, height } = video.getBoundingClientRect();
  return width > 0 && height > 0 && right > 0 && bottom > 0 && left < innerWidth && top < innerHeight
    && video.checkVisibility({ opacityProperty: true, visibilityProperty: true });
}

/** [left, top, width, height] out of which nothing of a video is to be seen; the whole page, where
 * that is not sure. */
function boxOf(video) {
  const whole = [0, 0, innerWidth, innerHeight];
  if (video.ownerDocument !== document || getComputedStyle(video).overflow === 'visible') return whole;
  for (let node = video; node; node = node.assignedSlot ?? node.parentNode ?? node.host) {
    if (!(node instanceof Element)) continue;
    const reflection = getComputedStyle(node).webkitBoxReflect;
    if (reflection && reflection !== 'none') return whole;
  }
  const { left, top, width, height } = video.getBoundingClientRect();
  return [left, top, width, height];
}

/** Numbers of videos in view that were not seen to be painted since they came into it. */
function unseen() {
  const found = [];
  for (const element of elements.filter(available)) {
    if (!inView(element)) element.seen = false;
    else if (!element.seen) found.push(element.number);
  }
  return found;
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
