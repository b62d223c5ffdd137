/**
 * Mixer layout SDK: what a layout page knows of the conference, as `window.mixerLayout`.
 *
 * A plain script without dependencies, run before any script of the page. The page's side is
 * `parameters`, `state`, the event 'change', `mediaStream()`, `ready()`, `fail()` and `finish()`, and
 * what active-speaker.js, levels.js, shown.js and elements.js add (run after this one). Whoever shows the page
 * (the mixer's page pass, `mixer preview`, a test) drives it by `host`.
 * The reducer is the one of docs/conference-state.md; both implementations are tested with
 * tests/conference/reducer_vectors.json. Types and documentation: mixer-layout.d.ts.
 */
(() => {
  'use strict';
  if ('mixerLayout' in window) return; // put in by the host, then again by a script tag of the page

  const EMPTY_STATE = deepFreeze({
    conference: { id: '', alias: '' },
    participants: [],
    recording: { active: false, startedAt: null },
  });
  const NEW_PARTICIPANT = {
    externalId: '', name: '', avatarUrl: '', type: 'user', status: 'connected', speaking: false,
    streams: [],
  };
  const NEW_STREAM = { type: 'Camera', audio: null, video: null };

  // ---- values ---------------------------------------------------------------------------------

  function deepFreeze(value) {
    if (value === null || typeof value !== 'object' || Object.isFrozen(value)) return value;
    Object.values(value).forEach(deepFreeze);
    return Object.freeze(value);
  }

  /** A frozen copy of plain JSON data: nobody can change it behind the page's back. */
  function taken(value) {
    return value === undefined ? undefined : deepFreeze(JSON.parse(JSON.stringify(value)));
  }

  function same(a, b) {
    if (a === b) return true;
    if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return false;
    if (Array.isArray(a) !== Array.isArray(b)) return false;
    const keys = Object.keys(a);
    return keys.length === Object.keys(b).length
      && keys.every((key) => Object.hasOwn(b, key) && same(a[key], b[key]));
  }

  /** `old` with `changes`; `old` itself when nothing changes, and old values where they are equal. */
  function merged(old, changes) {
    const changed = Object.entries(changes)
      .filter(([key, value]) => !(Object.hasOwn(old, key) && same(old[key], value)));
    return changed.length === 0 ? old : deepFreeze({ ...old, ...Object.fromEntries(changed) });
  }

  /** `items` with the one of the same id replaced, or appended; `items` itself if nothing changes. */
  function placed(items, item) {
    const index = items.findIndex((other) => other.id === item.id);
    if (index < 0) return Object.freeze([...items, item]);
    if (same(items[index], item)) return items;
    return Object.freeze(items.with(index, item));
  }

  function without(items, id) {
    return items.some((item) => item.id === id)
      ? Object.freeze(items.filter((item) => item.id !== id)) : items;
  }

  // ---- reducer --------------------------------------------------------------------------------

  function completeStream(stream) {
    return deepFreeze({ ...NEW_STREAM, ...stream });
  }

  function completeParticipant(participant) {
    const streams = (participant.streams ?? []).map(completeStream);
    return deepFreeze({ ...NEW_PARTICIPANT, ...participant, streams });
  }

  function withParticipant(state, id, change) {
    const old = state.participants.find((participant) => participant.id === id);
    return old ? merged(state, { participants: placed(state.participants, change(old)) }) : state;
  }

  function withStreams(state, participantId, change) {
    return withParticipant(state, participantId,
      (old) => merged(old, { streams: change(old.streams) }));
  }

  /** Sound or picture of a stream after an update: null takes it away, fields are laid over. */
  function mediaAfter(old, update) {
    return update === null || old === null ? update : merged(old, update);
  }

  function updatedStream(stream, data) {
    const changes = {};
    for (const kind of ['audio', 'video']) {
      if (Object.hasOwn(data, kind)) changes[kind] = mediaAfter(stream[kind], data[kind]);
    }
    return merged(stream, changes);
  }

  const REDUCERS = {
    'conference.updated': (state, data) =>
      merged(state, { conference: merged(state.conference, data.conference) }),
    'participant.added': (state, data) => merged(state, {
      participants: placed(state.participants, completeParticipant(data.participant)),
    }),
    'participant.updated': (state, { streams, ...fields }) =>
      withParticipant(state, fields.id, (old) => merged(
        old, streams === undefined ? fields : { ...fields, streams: streams.map(completeStream) })),
    'participant.removed': (state, data) =>
      merged(state, { participants: without(state.participants, data.id) }),
    'participant.speaking': (state, data) =>
      withParticipant(state, data.id, (old) => merged(old, { speaking: data.speaking })),
    'stream.added': (state, data) => withStreams(
      state, data.participantId, (streams) => placed(streams, completeStream(data.stream))),
    'stream.updated': (state, data) => withStreams(state, data.participantId, (streams) => {
      const old = streams.find((stream) => stream.id === data.streamId);
      return old ? placed(streams, updatedStream(old, data)) : streams;
    }),
    'stream.removed': (state, data) => withStreams(
      state, data.participantId, (streams) => without(streams, data.streamId)),
    'recording.updated': (state, data) =>
      merged(state, { recording: merged(state.recording, data) }),
    'presentation.started': (state, { presentation }) => merged(state, { presentation }),
    'presentation.updated': (state, data) => (state.presentation?.id === data.id
      ? merged(state, { presentation: merged(state.presentation, data) }) : state),
    'presentation.stopped': (state, { id }) => {
      const { presentation, ...rest } = state;
      return presentation?.id === id ? deepFreeze(rest) : state;
    },
    'conference.ended': (state) => state,
  };

  /** The state after an event. Events of unknown types or about unknown ids change nothing. */
  function reduce(state, event) {
    const reducer = Object.hasOwn(REDUCERS, event.type) ? REDUCERS[event.type] : null;
    return reducer ? reducer(state, event.data ?? {}) : state;
  }

  function completeState(state) {
    const { conference, participants, recording, ...more } = taken(state ?? {});
    return deepFreeze({
      ...more, // what a newer writer knows, such as `presentation`
      conference: { ...EMPTY_STATE.conference, ...conference },
      participants: (participants ?? []).map(completeParticipant),
      recording: { ...EMPTY_STATE.recording, ...recording },
    });
  }

  /** The ids of all streams of a state. */
  function streamIds(state) {
    return new Set(state.participants.flatMap(({ streams }) => streams.map(({ id }) => id)));
  }

  // ---- the two sides --------------------------------------------------------------------------

  /** What happened once and is told once, even if whoever listens comes later. */
  class Signal {
    #listener = null;
    #given = null;
    #told = false;

    give(...values) {
      this.#given ??= values;
      this.#tell();
    }

    set listener(listener) {
      this.#listener = listener;
      this.#tell();
    }

    get listener() {
      return this.#listener;
    }

    #tell() {
      if (this.#told || this.#given === null || typeof this.#listener !== 'function') return;
      this.#told = true;
      attempt(() => this.#listener(...this.#given));
    }
  }

  /** Runs a piece of somebody else's code: its error is reported, and ours goes on. */
  function attempt(action) {
    try {
      action();
    } catch (error) {
      reportError(error);
    }
  }

  const signals = { ready: new Signal(), fail: new Signal(), finish: new Signal() };
  const mediaStreams = new Map();
  const waiting = []; // changes that came while listeners were being told of one
  let telling = false;
  let touched = false;
  let state = EMPTY_STATE;
  let parameters = Object.freeze({});

  class MixerLayout extends EventTarget {
    get parameters() { return parameters; }

    get state() { return state; }

    get presentation() { return state.presentation ?? null; }

    mediaStream(streamId) {
      const known = mediaStreams.get(streamId);
      if (known) return known;
      if (typeof host.createMediaStream !== 'function') return new MediaStream();
      const created = host.createMediaStream(streamId);
      mediaStreams.set(streamId, created);
      return created;
    }

    ready() { signals.ready.give(); }

    fail(reason) { signals.fail.give(String(reason?.message ?? reason ?? 'no reason given')); }

    finish() { signals.finish.give(); }

    get host() { return host; }
  }

  function change(next, events, reset) {
    waiting.push({ next, events, reset });
    if (telling) return;
    telling = true;
    while (waiting.length > 0) {
      const { next: step, events: told, reset: anew } = waiting.shift();
      state = step(state);
      layout.dispatchEvent(
        new CustomEvent('change', { detail: Object.freeze({ events: told, reset: anew }) }));
      forgetGoneStreams();
    }
    telling = false;
  }

  function forgetGoneStreams() {
    const present = streamIds(state);
    for (const id of mediaStreams.keys()) if (!present.has(id)) mediaStreams.delete(id);
  }

  function reducedBy(events) {
    return (before) => {
      let after = before;
      for (const event of events) attempt(() => { after = reduce(after, event); });
      return after;
    };
  }

  const host = Object.seal({
    createMediaStream: null,
    wantsLevels: false, // levels.js: the page asks for them
    hear: null,
    hasElements: () => false, // elements.js
    reset(newState, newParameters) {
      const next = completeState(newState);
      if (newParameters !== undefined) parameters = taken(newParameters);
      change(() => next, Object.freeze([]), true);
    },
    apply(events) {
      const list = taken(events);
      change(reducedBy(list), list, false);
    },
    get onready() { return signals.ready.listener; },
    set onready(listener) { signals.ready.listener = listener; },
    get onfail() { return signals.fail.listener; },
    set onfail(listener) { signals.fail.listener = listener; },
    get onfinish() { return signals.finish.listener; },
    set onfinish(listener) { signals.finish.listener = listener; },
    get touched() { return touched; },
    set touched(value) { touched = Boolean(value); },
    reduce: (before, event) => reduce(before, taken(event)),
  });

  const layout = new MixerLayout();
  Object.defineProperty(window, 'mixerLayout', {
    configurable: true,
    enumerable: true,
    get() {
      touched = true;
      return layout;
    },
  });
})();
