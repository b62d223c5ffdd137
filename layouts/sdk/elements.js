/**
 * Layout SDK: pages without script. `<video data-participant="…">`, `<mixer-video>`, `<mixer-grid>`.
 *
 * What stands in data-participant (and mixer-video's `participant`) is what `mixerLayout.find` takes.
 * Whom an element shows is on it for style sheets: data-participant-id, data-name, data-speaking,
 * and data-empty while there is nothing to be seen. A mixer-video shows an avatar where there is no
 * picture, and with `name` who it is; that of what is shared shows a file's page, and the name of a
 * video whose picture is not there. A mixer-grid shows what is shared above everybody, unless the
 * page has another element for that. All that holds inside of shadow roots, too.
 */
(() => {
  'use strict';
  const layout = window.mixerLayout;
  if (customElements.get('mixer-video')) return;

  const WHICH = ['speaker', 'share', 'presenter'];
  const STYLE = `
    :host { display: block; position: relative; overflow: hidden; object-fit: cover; color: #fff;
      background: #2b2f3d; font: 500 16px/1.3 system-ui, sans-serif; container-type: size; }
    :host(:is([share], [participant=share])) { object-fit: contain; background: #14161c; }
    :host([data-empty]) { visibility: hidden; }
    [hidden] { display: none !important; }
    video, [part=page] { width: 100%; height: 100%; object-fit: inherit; display: block; }
    [part=avatar] { position: absolute; inset: 0; margin: auto; width: 45cqmin; height: 45cqmin; border-radius: 50%;
      display: grid; place-items: center; overflow: hidden; background: #4a5573; font-size: 18cqmin; }
    [part=avatar] img { position: absolute; width: 100%; height: 100%; object-fit: cover; }
    [part=card] { position: absolute; inset: 0; display: flex; flex-direction: column; place-content: center;
      align-items: center; gap: 4cqmin; padding: 6cqmin; text-align: center; font-size: 5cqmin; color: #fffc; }
    [part=card]::before { content: ''; width: 16cqmin; aspect-ratio: 1; flex: none; background: currentcolor;
      clip-path: polygon(22% 8%, 92% 50%, 22% 92%); }
    [part=card] span { max-height: 2.6em; max-width: 100%; overflow: hidden; overflow-wrap: anywhere;
      unicode-bidi: plaintext; }
    [part=name] { position: absolute; left: 8px; bottom: 8px; max-width: calc(100% - 32px); padding: 2px 8px;
      border-radius: 4px; background: #000a; white-space: nowrap; overflow: hidden; text-overflow: ellipsis;
      unicode-bidi: plaintext; }
    :host([data-speaking]:not([share], [participant=share]))::after { content: ''; position: absolute; inset: 0; border: 3px solid #5bd68a;
      border-radius: inherit; }`;

  function mark(element, found, isEmpty) {
    const attributes = {
      'data-participant-id': found?.participant?.id,
      'data-name': found?.participant?.name,
      'data-speaking': found?.participant?.speaking ? '' : undefined,
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

  /** What a mixer-video of what is shared shows: a file's page, a video or (until its picture is
   * there) its title, else the newest screen; null for nothing. */
  function shared() {
    const { presentation, share } = layout;
    const participant = layout.state.participants.find(({ id }) => id === presentation?.ownerId);
    if (presentation?.kind === 'file') {
      const page = presentation.pages?.[presentation.page];
      if (page) return { participant, stream: null, page };
    }
    const isMissing = presentation?.kind === 'video' && share?.stream.id !== presentation.streamId;
    return isMissing && participant ? { participant, stream: null, title: presentation.name ?? '' } : share;
  }

  const segments = new Intl.Segmenter();
  const initials = (name) => {
    const words = name.trim().split(/\s+/u);
    const letter = (word) => [...segments.segment(word)][0]?.segment ?? '';
    return letter(words[0]) + (words.length > 1 ? letter(words.at(-1)) : '');
  };

  // What is in the document, shadow roots included: they know of it themselves, plain videos are found.
  const here = { grids: new Set(), tiles: new Set(), videos: new Set() };

  class MixerVideo extends HTMLElement {
    static observedAttributes = ['participant', 'name', ...WHICH];

    #parts = null;

    #build() {
      const root = this.attachShadow({ mode: 'open' });
      root.innerHTML = `<style>${STYLE}</style><video part="video" hidden></video><img part="page" alt="" hidden>`
        + '<div part="card" hidden><span></span></div><div part="avatar" hidden><span></span><img alt="" hidden></div><div part="name" hidden></div>';
      const part = (name) => root.querySelector(name);
      this.#parts = { video: part('video'), page: part('[part=page]'), avatar: part('[part=avatar]'),
        letters: part('[part=avatar] span'), card: part('[part=card]'), title: part('[part=card] span'), face: part('[part=avatar] img'), name: part('[part=name]') };
    }

    get which() {
      return WHICH.find((name) => this.hasAttribute(name)) ?? this.getAttribute('participant');
    }

    connectedCallback() {
      if (this.#parts === null) this.#build();
      here.tiles.add(this);
      dress(this);
      this.update();
    }

    disconnectedCallback() { here.tiles.delete(this); }

    attributeChangedCallback() {
      if (this.#parts !== null) this.update();
    }

    update() {
      const parts = this.#parts;
      const found = this.which === 'share' ? shared() : layout.find(this.which);
      const { stream, page, title } = found ?? {};
      mark(this, found, found === null);
      attach(parts.video, stream);
      parts.video.hidden = !stream;
      parts.page.hidden = !page;
      if (page && parts.page.getAttribute('src') !== page.url) parts.page.src = page.url;
      parts.card.hidden = title === undefined;
      parts.title.textContent = title ?? '';
      this.#showAvatar(found !== null && !stream && !page && title === undefined ? found.participant : null);
      parts.name.hidden = !this.hasAttribute('name') || !found?.participant;
      parts.name.textContent = found?.participant?.name ?? '';
    }

    #showAvatar(participant) {
      const { avatar, letters, face } = this.#parts;
      avatar.hidden = participant === null;
      letters.textContent = participant ? initials(participant.name) : '';
      const address = participant?.avatarUrl ?? '';
      face.hidden = address === '';
      if (address && face.getAttribute('src') !== address) face.src = address;
    }
  }

  const SHARES = ':is(mixer-video[share], mixer-video[participant=share], video[data-participant=share])';
  const MOST_OF_HEIGHT = 0.78; // what is shared, above everybody
  const FACE = 4 / 3; // aspect of a tile that suits a face
  const WIDEST = 16 / 9; // below what is shared: wider tiles would cut off heads

  /** Width by height of what is shared. */
  function aspectOf({ stream, page }) {
    const { width, height } = stream?.video ?? page ?? {};
    return width > 0 && height > 0 ? width / height : 16 / 9;
  }

  /** A mixer-video for everybody, as large as they go; `max` of them at most, of `aspect` at best.
   * Above them what is shared, if no other element of the page shows that, and not with `shares="off"`. */
  class MixerGrid extends HTMLElement {
    static observedAttributes = ['max', 'aspect', 'names', 'shares'];

    connectedCallback() {
      here.grids.add(this);
      dress(this);
      this.update();
    }

    disconnectedCallback() { here.grids.delete(this); }

    attributeChangedCallback() { if (this.isConnected) this.update(); }

    update() {
      const share = this.#showsShares() ? shared() : null;
      const everybody = layout.participants.slice(0, Number(this.getAttribute('max')) || 25);
      const tiles = new Map([...this.children].map((tile) => [tile.getAttribute('participant'), tile]));
      const ids = [...(share ? ['share'] : []), ...everybody.map(({ id }) => id)];
      for (const [id, tile] of tiles) if (!ids.includes(id)) tile.remove();
      for (const id of ids) {
        const tile = tiles.get(id) ?? document.createElement('mixer-video');
        tile.setAttribute('participant', id);
        tile.toggleAttribute('name', this.hasAttribute('names') && id !== 'share');
        if (!tiles.has(id)) this[id === 'share' ? 'prepend' : 'append'](tile);
      }
      this.#arrange(everybody.length, share);
    }

    #showsShares() {
      return this.getAttribute('shares') !== 'off'
        && ![...here.tiles, ...here.videos].some((element) => element.isConnected
          && element.matches(SHARES) && element.closest('mixer-grid') === null);
    }

    #arrange(count, share) {
      const { width, height } = this.getBoundingClientRect();
      const gap = parseFloat(getComputedStyle(this).columnGap) || 0;
      const top = share ? this.#heightOfShare(count, width / aspectOf(share) / height) : 0;
      const all = share && count > 0 ? `(100% - ${gap}px)` : '100%';
      const columns = this.#columns(count, width, height * (1 - top));
      const rows = Math.max(1, Math.ceil(count / columns));
      const tiles = [...this.children];
      if (share) Object.assign(tiles.shift().style, { width: '100%', height: `calc(${all} * ${top})` });
      for (const { style } of tiles) {
        style.width = `calc((100% - ${(columns - 1) * gap}px) / ${columns})`;
        style.height = `calc((${all} * ${1 - top} - ${(rows - 1) * gap}px) / ${rows})`;
        style.maxWidth = share ? `${Math.round((height * (1 - top) / rows) * WIDEST)}px` : '';
      }
    }

    /** Of the grid's height; `needed`: what is shared then is as wide as the grid. */
    #heightOfShare(count, needed) {
      return count > 0 ? Math.min(MOST_OF_HEIGHT, needed || MOST_OF_HEIGHT) : 1;
    }

    /** How many side by side: tiles near to the aspect that is wanted, and few places empty. */
    #columns(count, width, height) {
      const ideal = Number(this.getAttribute('aspect')) || FACE;
      const worth = (columns) => {
        const rows = Math.ceil(count / columns);
        const aspect = (width / columns) / (height / rows);
        return (Math.min(aspect, ideal) / Math.max(aspect, ideal)) * (count / (rows * columns)) ** 1.5;
      };
      let columns = 1;
      for (let more = 2; more <= count; more += 1) {
        if (worth(more) > worth(columns)) columns = more;
      }
      return columns;
    }
  }

  const PLAIN = 'video[data-participant]';
  function updateVideo(video) {
    if (!video.isConnected || !video.matches(PLAIN)) {
      here.videos.delete(video);
      return;
    }
    here.videos.add(video);
    dress(video);
    const found = layout.find(video.dataset.participant);
    mark(video, found, !found?.stream);
    attach(video, found?.stream);
  }

  function updateAll() {
    for (const video of [...here.videos]) updateVideo(video);
    for (const grid of [...here.grids]) grid.update();
    for (const tile of [...here.tiles]) if (tile.isConnected) tile.update(); // a grid may have taken it out
  }
  layout.addEventListener('change', updateAll);
  window.addEventListener('load', () => { // style sheets are there: sizes are known
    videosIn(document).forEach(updateVideo); // of shadow roots that came with the page's HTML
    updateAll();
  });
  layout.host.hasElements = () => here.grids.size + here.tiles.size > 0 || [...here.videos].some((video) => video.isConnected);

  // ---- plain videos, wherever they are ----------------------------------------------------------

  const shadows = new WeakMap(); // host -> its shadow root, of whatever mode
  const finder = new MutationObserver((changes) => {
    const found = new Set();
    for (const { type, target, addedNodes } of changes) {
      if (type === 'attributes') found.add(target);
      for (const node of addedNodes) if (node.nodeType === Node.ELEMENT_NODE) videosIn(node, found);
    }
    found.forEach(updateVideo);
  });
  const watch = (root) => finder.observe(root,
    { subtree: true, childList: true, attributes: true, attributeFilter: ['data-participant'] });

  /** All of them in a node: also in the shadow roots below, which are watched from then on. */
  function videosIn(node, found = new Set()) {
    for (const element of [node, ...node.querySelectorAll('*')]) {
      if (element instanceof HTMLVideoElement && element.matches(PLAIN)) found.add(element);
      const root = element instanceof MixerVideo ? null : shadows.get(element) ?? element.shadowRoot;
      if (!root) continue;
      if (!shadows.has(element)) watch(root);
      shadows.set(element, root);
      videosIn(root, found);
    }
    return found;
  }

  const { attachShadow } = Element.prototype;
  Element.prototype.attachShadow = function shadowed(...options) {
    const root = attachShadow.apply(this, options);
    if (!(this instanceof MixerVideo)) {
      shadows.set(this, root);
      watch(root);
    }
    return root;
  };
  watch(document);

  // Without specificity: whatever the page says about them holds. As wide as their place: 100 % would
  // leave the page where `left` and `right`, or margins, say where they lie.
  const WIDE = 'width: 100%; width: -moz-available; width: -webkit-fill-available;';
  const defaults = new CSSStyleSheet();
  defaults.replaceSync(`
    :where(mixer-video) { ${WIDE} aspect-ratio: 16 / 9; }
    :where(mixer-grid) { display: flex; flex-flow: row wrap; place-content: center; gap: 8px;
      box-sizing: border-box; ${WIDE} height: 100vh; }
    :where(mixer-grid > mixer-video) { flex: none; aspect-ratio: auto; }
    :where(body > :is(mixer-video, mixer-grid, video[data-participant]):only-child) {
      position: fixed; inset: 0; width: 100vw; height: 100vh; aspect-ratio: auto; }
    :where(video[data-participant][data-empty]) { visibility: hidden; }`);
  document.adoptedStyleSheets.push(defaults);

  /** Style sheets end at a shadow root. */
  function dress(element) {
    const root = element.getRootNode();
    if (root instanceof ShadowRoot && !root.adoptedStyleSheets.includes(defaults)) root.adoptedStyleSheets.push(defaults);
  }

  customElements.define('mixer-video', MixerVideo);
  customElements.define('mixer-grid', MixerGrid);
  layout.host.touched = false;
})();
