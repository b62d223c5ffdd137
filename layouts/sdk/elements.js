/**
 * Layout SDK: pages without script. `<video data-participant="…">`, `<mixer-video>`, `<mixer-grid>`.
 *
 * What stands in data-participant (and mixer-video's `participant`) is what `mixerLayout.find` takes.
 * Whom an element shows is on it for style sheets: data-participant-id, data-name, data-speaking,
 * and data-empty while there is nothing to be seen. A mixer-video shows an avatar where there is no
 * picture, a shared file's page where that is shared, and with `name` who it is.
 */
(() => {
  'use strict';
  const layout = window.mixerLayout;
  if (customElements.get('mixer-video')) return;

  const WHICH = ['speaker', 'share', 'presenter'];
  const STYLE = `
    :host { display: block; position: relative; overflow: hidden; object-fit: cover; color: #fff;
      background: #2b2f3d; font: 500 16px/1.3 system-ui, sans-serif; container-type: size; }
    :host([share]), :host([participant=share]) { object-fit: contain; }
    :host([data-empty]) { visibility: hidden; }
    [hidden] { display: none !important; }
    video, [part=page] { width: 100%; height: 100%; object-fit: inherit; display: block; }
    [part=avatar] { position: absolute; inset: 0; margin: auto; width: 45cqmin; height: 45cqmin; border-radius: 50%;
      display: grid; place-items: center; overflow: hidden; background: #4a5573; font-size: 18cqmin; }
    [part=avatar] img { position: absolute; width: 100%; height: 100%; object-fit: cover; }
    [part=name] { position: absolute; left: 8px; bottom: 8px; max-width: calc(100% - 32px); padding: 2px 8px;
      border-radius: 4px; background: #000a; white-space: nowrap; overflow: hidden; text-overflow: ellipsis;
      unicode-bidi: plaintext; }
    :host([data-speaking])::after { content: ''; position: absolute; inset: 0; border: 3px solid #5bd68a;
      border-radius: inherit; }`;

  function mark(element, found, isEmpty) {
    const attributes = {
      'data-participant-id': found?.participant.id,
      'data-name': found?.participant.name,
      'data-speaking': found?.participant.speaking ? '' : undefined,
      'data-empty': isEmpty ? '' : undefined,
    };
    for (const [name, value] of Object.entries(attributes)) {
      if (value === undefined) element.removeAttribute(name);
      else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
    }
  }

  function attach(video, stream) {
    const wanted = stream ? layout.mediaStream(stream.id) : null;
    if (video.srcObject === wanted) return;
    video.muted = true;
    video.autoplay = true;
    video.playsInline = true;
    video.srcObject = wanted;
  }

  const segments = new Intl.Segmenter();
  const initials = (name) => {
    const words = name.trim().split(/\s+/u);
    const letter = (word) => [...segments.segment(word)][0]?.segment ?? '';
    return letter(words[0]) + (words.length > 1 ? letter(words.at(-1)) : '');
  };

  class MixerVideo extends HTMLElement {
    static observedAttributes = ['participant', 'name', ...WHICH];

    #parts = null;

    #build() {
      const root = this.attachShadow({ mode: 'open' });
      root.innerHTML = `<style>${STYLE}</style><video part="video" hidden></video><img part="page" alt="" hidden>`
        + '<div part="avatar" hidden><span></span><img alt="" hidden></div><div part="name" hidden></div>';
      const part = (name) => root.querySelector(name);
      this.#parts = { video: part('video'), page: part('[part=page]'), avatar: part('[part=avatar]'),
        letters: part('span'), face: part('[part=avatar] img'), name: part('[part=name]') };
    }

    get which() {
      return WHICH.find((name) => this.hasAttribute(name)) ?? this.getAttribute('participant');
    }

    connectedCallback() {
      if (this.#parts === null) this.#build();
      this.update();
    }

    attributeChangedCallback() {
      if (this.#parts !== null) this.update();
    }

    update() {
      const parts = this.#parts;
      const found = layout.find(this.which);
      const file = this.which === 'share' && found === null && layout.presentation?.kind === 'file'
        ? layout.presentation : null;
      const page = file?.pages?.[file.page];
      const showsAvatar = found !== null && found.stream === null;
      mark(this, found, found === null && !page);
      attach(parts.video, found?.stream);
      parts.video.hidden = !found?.stream;
      parts.page.hidden = !page;
      if (page && parts.page.getAttribute('src') !== page.url) parts.page.src = page.url;
      parts.avatar.hidden = !showsAvatar;
      parts.letters.textContent = showsAvatar ? initials(found.participant.name) : '';
      const face = showsAvatar ? found.participant.avatarUrl : '';
      parts.face.hidden = face === '';
      if (face && parts.face.getAttribute('src') !== face) parts.face.src = face;
      parts.name.hidden = !this.hasAttribute('name') || found === null;
      parts.name.textContent = found?.participant.name ?? '';
    }
  }

  /** A mixer-video for everybody, as large as they go; `max` of them at most, of `aspect` at best. */
  class MixerGrid extends HTMLElement {
    static observedAttributes = ['max', 'aspect', 'names'];

    connectedCallback() { this.update(); }

    attributeChangedCallback() { if (this.isConnected) this.update(); }

    update() {
      const everybody = layout.participants.slice(0, Number(this.getAttribute('max')) || 25);
      const tiles = new Map([...this.children].map((tile) => [tile.getAttribute('participant'), tile]));
      const ids = new Set(everybody.map(({ id }) => id));
      for (const [id, tile] of tiles) if (!ids.has(id)) tile.remove();
      for (const { id } of everybody) {
        const tile = tiles.get(id) ?? document.createElement('mixer-video');
        tile.setAttribute('participant', id);
        tile.toggleAttribute('name', this.hasAttribute('names'));
        if (!tiles.has(id)) this.append(tile);
      }
      this.#arrange(everybody.length);
    }

    #arrange(count) {
      const { width, height } = this.getBoundingClientRect();
      const aspect = Number(this.getAttribute('aspect')) || 16 / 9;
      const tileWidth = (columns) =>
        Math.min(width / columns, (height / Math.ceil(count / columns)) * aspect);
      let columns = 1;
      for (let more = 2; more <= count; more += 1) {
        if (tileWidth(more) > tileWidth(columns)) columns = more;
      }
      const rows = Math.max(1, Math.ceil(count / columns));
      const gap = parseFloat(getComputedStyle(this).columnGap) || 0;
      for (const tile of this.children) {
        tile.style.width = `calc((100% - ${(columns - 1) * gap}px) / ${columns})`;
        tile.style.height = `calc((100% - ${(rows - 1) * gap}px) / ${rows})`;
      }
    }
  }

  const PLAIN = 'video[data-participant]';
  function updateVideo(video) {
    const found = layout.find(video.dataset.participant);
    mark(video, found, !found?.stream);
    attach(video, found?.stream);
  }

  function updateAll() {
    document.querySelectorAll(PLAIN).forEach(updateVideo);
    document.querySelectorAll('mixer-grid').forEach((grid) => grid.update());
    document.querySelectorAll('mixer-video').forEach((element) => element.update());
  }
  layout.addEventListener('change', updateAll);
  window.addEventListener('load', updateAll); // style sheets are there: sizes are known

  new MutationObserver((changes) => {
    const found = new Set();
    for (const { type, target, addedNodes } of changes) {
      if (type === 'attributes' && target.matches(PLAIN)) found.add(target);
      for (const node of addedNodes) {
        if (node.nodeType !== Node.ELEMENT_NODE) continue;
        if (node.matches(PLAIN)) found.add(node);
        node.querySelectorAll(PLAIN).forEach((video) => found.add(video));
      }
    }
    found.forEach(updateVideo);
  }).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ['data-participant'] });

  // Without specificity: whatever the page says about them holds.
  const defaults = new CSSStyleSheet();
  defaults.replaceSync(`
    :where(mixer-video) { width: 100%; aspect-ratio: 16 / 9; }
    :where(mixer-grid) { display: flex; flex-flow: row wrap; place-content: center; gap: 8px;
      box-sizing: border-box; width: 100%; height: 100vh; }
    :where(mixer-grid > mixer-video) { flex: none; aspect-ratio: auto; }
    :where(body > :is(mixer-video, mixer-grid, video[data-participant]):only-child) {
      position: fixed; inset: 0; width: 100vw; height: 100vh; aspect-ratio: auto; }
    :where(video[data-participant][data-empty]) { visibility: hidden; }`);
  document.adoptedStyleSheets.push(defaults);

  customElements.define('mixer-video', MixerVideo);
  customElements.define('mixer-grid', MixerGrid);
  layout.host.touched = false;
})();
