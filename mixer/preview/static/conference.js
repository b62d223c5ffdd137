/**
 * The simulated conference: its state, kept by the layout SDK's own reducer, what can be done in it,
 * and the events of that, for whoever listens ('events', detail: list). Knows no page.
 */

import { camera, filePage, nameOf, person, screen, video } from './people.js';

const { host } = window.mixerLayout;

export class Conference extends EventTarget {
  state = null;
  #next = 0;

  constructor() {
    super();
    this.set(null);
  }

  /** A whole new state; nobody is told events. */
  set(state) {
    host.reset(state ?? { conference: { id: 'preview', alias: 'preview' }, participants: [], recording: { active: true, startedAt: null } });
    this.state = window.mixerLayout.state;
    this.#next = Math.max(0, ...this.state.participants.map(({ id }) => Number(id.slice(1)) + 1 || 0));
  }

  apply(events) {
    if (events.length === 0) return;
    host.apply(events);
    this.state = window.mixerLayout.state;
    for (const { type, data } of events) {
      if (type === 'participant.added') this.#next = Math.max(this.#next, Number(data.participant.id.slice(1)) + 1 || 0);
    }
    this.dispatchEvent(new CustomEvent('events', { detail: events }));
  }

  get people() { return this.state.participants.filter(({ type }) => type !== 'mixer'); }

  find(id) { return this.state.participants.find((one) => one.id === id); }

  stream(id, type) { return this.find(id)?.streams.find((one) => one.type === type); }

  // ---- people -------------------------------------------------------------------------------------

  count(wanted, kind) {
    const people = this.people;
    const events = [];
    for (let n = people.length; n < wanted; n += 1) events.push(this.#joining(kind));
    for (const { id } of people.slice(wanted)) events.push({ type: 'participant.removed', data: { id } });
    this.apply(events);
  }

  #joining(kind, change = {}) {
    const place = this.#next;
    this.#next += 1;
    return { type: 'participant.added', data: { participant: { ...person(place, kind), ...change } } };
  }

  join(kind) { this.apply([this.#joining(kind)]); }

  listener(kind) { this.apply([this.#joining(kind, { type: 'listener', streams: [] })]); }

  leave(id) { this.apply([{ type: 'participant.removed', data: { id } }]); }

  rename(kind) {
    this.apply(this.people.map(({ id }, place) => ({ type: 'participant.updated', data: { id, name: nameOf(kind, place) } })));
  }

  speak(ids) {
    this.apply(this.people.filter(({ id, speaking }) => speaking !== ids.includes(id))
      .map(({ id }) => ({ type: 'participant.speaking', data: { id, speaking: ids.includes(id) } })));
  }

  // ---- what they send -----------------------------------------------------------------------------

  camera(ids, on) { this.#media(ids, 'video', on); }

  microphone(ids, on) { this.#media(ids, 'audio', on); }

  #media(ids, kind, on) {
    const events = [];
    for (const id of ids) {
      const stream = this.stream(id, 'Camera');
      if (!stream) events.push({ type: 'stream.added', data: { participantId: id, stream: camera(id) } });
      else {
        const full = camera(id)[kind];
        const media = { ...full, muted: !on, ...(kind === 'video' ? { available: on } : {}) };
        events.push({ type: 'stream.updated', data: { participantId: id, streamId: stream.id, [kind]: media } });
      }
    }
    this.apply(events);
  }

  share(id, on) {
    this.apply([on ? { type: 'stream.added', data: { participantId: id, stream: screen(id) } }
      : { type: 'stream.removed', data: { participantId: id, streamId: `${id}.screen` } }]);
  }

  /** A shared file or video; null ends either. */
  present(kind, id) {
    const now = this.state.presentation ?? null;
    const ending = now?.kind === 'video' ? [{ type: 'stream.removed', data: { participantId: now.ownerId, streamId: now.streamId } }] : [];
    if (kind === 'file') {
      const pages = [1, 2, 3].map(filePage);
      this.apply([...ending, { type: 'presentation.started', data: { presentation: { kind, id: 'f1', ownerId: id, name: 'Slides.pdf', pages, page: 0 } } }]);
    } else if (kind === 'video') {
      const stream = video(id);
      this.apply([{ type: 'stream.added', data: { participantId: id, stream } },
        { type: 'presentation.started', data: { presentation: { kind, id: 'v1', ownerId: id, name: 'Film', url: 'https://video.example/film.mp4', playing: true, positionMs: 0, streamId: stream.id } } }]);
    } else this.apply([...ending, { type: 'presentation.stopped', data: { id: now?.id } }]);
  }

  turn() {
    const { id, page, pages } = this.state.presentation;
    this.apply([{ type: 'presentation.updated', data: { id, page: (page + 1) % pages.length } }]);
  }

  get presenting() { return this.state.presentation ?? null; }
}
