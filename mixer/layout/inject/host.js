/**
 * The host's side: what mixer/layout/page.py calls, through `__mixerHost` (not enumerable), and what
 * the layout SDK is told.
 */

const layout = config.layout && window === window.top ? window.mixerLayout : null;
const voxeet = layout ? window.__mixerVoxeet : null; // the seed platform's page contract
const progress = { ready: false, failed: null, finished: false };

/** How its script ended, of a page that shows nothing of the conference and has not asked about it;
 * null of all others, whatever else they throw. */
function dead(theirs) {
  if (died === null || !layout || layout.host.touched || theirs?.concerned) return null;
  return elements.length > 0 || layout.host.hasElements() ? null : died;
}

let told = null; // the last look, but for what each tells anew

/** The page stands still; its videos get the resting card; what does it wait for? */
function stand() {
  open = false;
  align();
  const settled = settle(null, resting);
  const now = whole(native.now());
  let due = null;
  for (const at of timers.values()) if (due === null || at < due) due = at;
  const { animated, begin } = animations();
  if (begin !== null && (due === null || now + begin < due)) due = now + begin;
  const touched = layout?.host.touched ?? false;
  const loaded = document.readyState === 'complete';
  const theirs = touched ? null : voxeet?.look();
  const end = dead(theirs);
  return {
    settled,
    due: due === null ? null : Math.max(0, due - now),
    drawing: animationFrames.size + videoFrames.size > 0 && scrolling + observed.length === 0 && !presents(),
    moving: animationFrames.size + videoFrames.size + scrolling > 0 || observed.length > 0 || document.querySelector('iframe') !== null,
    animated,
    carrying: carriesVideo(),
    loaded,
    ready: touched ? progress.ready : loaded && end === null && (theirs?.ready ?? true),
    awaits: touched ? 'mixerLayout.ready() was not called' : end ?? theirs?.awaits ?? '',
    dead: end,
    failed: progress.failed,
    finished: progress.finished || (theirs?.finished ?? false),
    notes: notes.splice(0),
    readers: [...readers],
    missing: missingGlyphs(),
    levels: layout?.host.wantsLevels ?? false,
    videos: elements.filter((element) => available(element) && isTold(element)).map(({ number, stream, video }) => {
      const { width, height } = sources.get(stream);
      return { number, stream, width, height, box: boxOf(video) };
    }),
  };
}

const host = {
  freeze,
  /** The page moves at these times from now: [output frame, ms]. */
  move(frames) {
    thaw();
    open = true;
    for (const [frame, wait] of frames) native.setTimeout(() => moved(frame), wait);
  },
  /** Before an output frame: what happened in the conference, and the page may move once, and on its
   * way there as `move` says. */
  step({ events, frame, levels, moves }) {
    host.move(moves);
    pumped = false;
    scrolling = Math.max(0, scrolling - 1);
    stepped = frame;
    native.requestAnimationFrame(() => { if (open) instant = document.timeline.currentTime; });
    for (const deliver of observed.splice(0)) { try { deliver(); } catch (error) { reportError(error); } }
    if (events?.length && layout) {
      layout.host.apply(events);
      takeSources(layout.state);
    }
    if (levels && layout) layout.host.hear(levels);
    if (!layout?.host.touched) voxeet?.act();
    wake();
  },
  /** After it: what does the page wait for? `still`: one is to be taken, if its videos show the
   * resting card; the answer to `show` is told, too. */
  look(still) {
    const { notes: noted, due, ...rest } = stand();
    told = native.stringify(rest);
    const shown = still && rest.settled ? host.show(null, resting, true) : null;
    return { ...rest, due, notes: noted, shown };
  },
  /** As `look`; where all but time is as last told, the page goes on to the next frame at once. */
  turn(frame) {
    const { notes: noted, due, ...rest } = stand();
    const before = told;
    told = native.stringify(rest);
    if (told !== before || noted.length > 0) return { ...rest, due, notes: noted };
    host.step({ events: null, frame, levels: null, moves: [] });
    return { same: true, due };
  },
  /** null until every video has its card; then the numbers of those that may not be painted yet. */
  show(names, otherwise, still) {
    if (still) freeze();
    return settle(names, otherwise) ? unseen() : null;
  },
  /** These were seen to be painted; without numbers: of none is it known any more. */
  seen(numbers) {
    for (const element of elements) element.seen = numbers ? element.seen || numbers.includes(element.number) : false;
  },
  threw(text) { threwUnseen(text); },
  settle() { return settle(null, resting); },
  rest(name) { resting = name; },
  card(name, base64) { cards.set(name, bytesOf(base64)); },
  picture(streamId, id, width, height, colorSpace, base64) {
    pictures.set(streamId, { id, width, height, colorSpace, bytes: bytesOf(base64) });
  },
  /** The document as text, with what its pictures have come to; null while one is on its way. */
  document() {
    const pictures = [...document.images];
    if (pictures.some(({ complete }) => !complete)) return null;
    return `${pictures.map(({ naturalWidth }) => naturalWidth)} ${document.documentElement.outerHTML}`;
  },
  suspects(number) {
    const element = elements.find((other) => other.here && other.number === number);
    return element?.video ? suspects(element) : [];
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
