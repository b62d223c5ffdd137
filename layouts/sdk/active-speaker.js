/**
 * Layout SDK: `mixerLayout.activeSpeaker`, the one participant to be shown large.
 *
 * `participant.speaking` goes on and off with each pause for breath; a large picture that followed it
 * would tire everybody. So:
 *   - whoever is shown stays while they speak, and after that until somebody else speaks;
 *   - somebody else takes over having spoken for TAKES_OVER_MS without a break, and no sooner than
 *     STAYS_MS after the last change; of several, whoever has spoken longest;
 *   - who leaves gives way at once: to whoever speaks, else to the one shown before, else to the
 *     first with a camera, else to the first of all. So it is at the start, too.
 * All of it follows from the states and the page's clock: it is the same in every rendering.
 */
(() => {
  'use strict';
  const layout = window.mixerLayout;
  if ('activeSpeaker' in layout) return;

  const TAKES_OVER_MS = 600;
  const STAYS_MS = 2000;

  let people = []; // who may be shown, as of the last change
  let speakingSince = new Map(); // participant id -> ms
  let order = []; // ids of those who were shown, the last one first
  let changedAt = -Infinity;
  let takenAt = -Infinity; // since when the state is what it is
  let timer = null;
  let isWanted = false; // a page that never asks is not woken

  const now = () => performance.now();
  const isPerson = ({ type, status }) => type !== 'mixer' && status !== 'left';
  const hasPicture = ({ streams }) =>
    streams.some(({ type, video }) => type === 'Camera' && video !== null && video.available && !video.muted);
  const shown = () => people.find(({ id }) => id === order[0]) ?? null;

  function choose(participant, at) {
    order = [participant.id, ...order.filter((id) => id !== participant.id)];
    changedAt = at;
  }

  function longestSpeaking() {
    const speakers = people.filter(({ id }) => speakingSince.has(id));
    return speakers.reduce((first, other) =>
      (first === null || speakingSince.get(other.id) < speakingSince.get(first.id) ? other : first), null);
  }

  function successor() {
    const before = order.map((id) => people.find((person) => person.id === id)).find(Boolean);
    return longestSpeaking() ?? before ?? people.find(hasPicture) ?? people[0] ?? null;
  }

  /** Who takes over next if nothing else happens, and when; null for nobody. */
  function pending() {
    const current = shown();
    if (current === null || speakingSince.has(current.id)) return null;
    const next = longestSpeaking();
    if (next === null) return null;
    const at = Math.max(speakingSince.get(next.id) + TAKES_OVER_MS, changedAt + STAYS_MS, takenAt);
    return { next, at };
  }

  /** Does what was due until `time`, as if a timer had been set for it. */
  function settle(time) {
    for (let due = pending(); due !== null && due.at <= time; due = pending()) choose(due.next, due.at);
  }

  function take(time) {
    settle(time);
    takenAt = time;
    people = layout.state.participants.filter(isPerson);
    const speaking = people.filter((person) => person.speaking);
    speakingSince = new Map(speaking.map(({ id }) => [id, speakingSince.get(id) ?? time]));
    if (shown() === null) {
      const next = successor();
      if (next !== null) choose(next, time);
    }
    settle(time);
  }

  /** Wakes the page when somebody takes over between two changes of the state. */
  function arm() {
    clearTimeout(timer);
    timer = null;
    const due = isWanted ? pending() : null;
    if (due === null) return;
    timer = setTimeout(() => {
      const before = shown();
      settle(Math.max(now(), due.at));
      arm();
      if (shown() === before) return;
      layout.dispatchEvent(
        new CustomEvent('change', { detail: Object.freeze({ events: Object.freeze([]), reset: false }) }));
    }, Math.max(0, due.at - now()));
  }

  layout.addEventListener('change', () => {
    take(now());
    arm();
  });
  take(now());
  Object.defineProperty(layout, 'activeSpeaker', {
    enumerable: true,
    get() {
      settle(now());
      if (!isWanted) {
        isWanted = true;
        arm();
      }
      return shown();
    },
  });
  layout.host.touched = false;
})();
