// The file that is presented in a conference, as a client sees it: present, turn pages, stop.

const TYPES = ['application/pdf', 'image/png', 'image/jpeg', 'image/webp', 'image/gif'];

export const ACCEPTED = TYPES.join(',');

export class Presenting {
  #conference;
  #base;
  #request;

  // `base` is the room's address; `request(method, path, body)` asks the server.
  constructor(conference, base, request) {
    this.#conference = conference;
    this.#base = base;
    this.#request = request;
  }

  // {id, ownerId, name, pages, page} of what is presented, or null.
  get current() {
    const { presentation } = this.#conference.state;
    return presentation?.kind === 'file' ? presentation : null;
  }

  // Whether it is ours.
  get own() {
    return this.current !== null && this.current.ownerId === this.#conference.participantId;
  }

  // Whether we may present a file now.
  get permitted() {
    const { permissions, participantId, state } = this.#conference;
    const ownerId = state.presentation?.ownerId ?? participantId;
    return permissions.has('SHARE_FILE') && ownerId === participantId;
  }

  // The address of a page's image, for <img src>.
  address({ url }) {
    return new URL(url, `${this.#base}/`).href;
  }

  // Shows a File (PDF or image) to all; resolves when its pages are there.
  async start(file) {
    if (!TYPES.includes(file.type)) throw new Error('only PDF and images can be presented');
    return this.#request('POST', `/presentations?name=${encodeURIComponent(file.name)}`, file);
  }

  // Turns to a page, from 0.
  async turn(page) {
    await this.#request('PATCH', `/presentations/${this.current.id}`, { page });
  }

  async stop() {
    await this.#request('DELETE', `/presentations/${this.current.id}`);
  }
}
