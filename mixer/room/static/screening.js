// The video that is presented in a conference, as a client sees it: play, pause, seek, stop, and
// where all are in it now.

export class Screening {
  #conference;
  #base;
  #request;
  #told = null; // the presentation as it was told last
  #toldAt = 0; // when that was, by this page's clock

  // `base` is the room's address; `request(method, path, body)` asks the server.
  constructor(conference, base, request) {
    this.#conference = conference;
    this.#base = base;
    this.#request = request;
    conference.addEventListener('change', () => this.#note());
  }

  // {id, ownerId, name, url, playing, positionMs} of what is presented, or null.
  get current() {
    const { presentation } = this.#conference.state;
    return presentation?.kind === 'video' ? presentation : null;
  }

  // Where the video is, for <video src>; null without one. One of a replay is on the room's server.
  get address() {
    return this.current && new URL(this.current.url, `${this.#base}/`).href;
  }

  // Whether it is ours.
  get own() {
    return this.current !== null && this.current.ownerId === this.#conference.participantId;
  }

  // Whether we may present a video now.
  get permitted() {
    const { permissions, participantId, state } = this.#conference;
    const ownerId = state.presentation?.ownerId ?? participantId;
    return permissions.has('SHARE_VIDEO') && ownerId === participantId;
  }

  // Where in the video all are now, milliseconds. The server tells it as of the moment of telling,
  // so clocks need not agree.
  get position() {
    this.#note();
    const { current } = this;
    if (current === null) return 0;
    return current.positionMs + (current.playing ? performance.now() - this.#toldAt : 0);
  }

  #note() {
    if (this.#told === this.current) return;
    this.#told = this.current;
    this.#toldAt = performance.now();
  }

  // Plays the video at an http(s) address to all.
  async start(url, { name = '', playing = true, positionMs = 0 } = {}) {
    return this.#request('POST', '/presentations', { url, name, playing, positionMs });
  }

  async play() {
    await this.#change({ playing: true });
  }

  async pause() {
    await this.#change({ playing: false });
  }

  async seek(positionMs) {
    await this.#change({ positionMs: Math.max(0, Math.round(positionMs)) });
  }

  async stop() {
    await this.#request('DELETE', `/presentations/${this.current.id}`);
  }

  async #change(changes) {
    await this.#request('PATCH', `/presentations/${this.current.id}`, changes);
  }
}
