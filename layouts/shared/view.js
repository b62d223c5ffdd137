/**
 * A scene as elements. Tiles are absolutely placed children of the stage, found again by their key.
 *
 * A tile, and with it its <video>, is never moved within the document: that would reset the video.
 * What is painted above what is said by z-index alone.
 */
'use strict';

const View = (() => {
  function setStyle(element, values) {
    for (const [name, value] of Object.entries(values)) {
      if (element.style.getPropertyValue(name) !== value) element.style.setProperty(name, value);
    }
  }

  function setText(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  function setClass(element, name) {
    if (element.className !== name) element.className = name;
  }

  const px = (value) => `${value}px`;

  function boxStyle({ x, y, width, height }) {
    return { left: px(x), top: px(y), width: px(width), height: px(height) };
  }

  const TILE = document.createElement('template');
  TILE.innerHTML = `
    <article class="tile">
      <div class="picture">
        <svg class="person" viewBox="0 0 24 24" aria-hidden="true">
          <circle cx="12" cy="8.6" r="4.1"></circle>
          <path d="M3.8 20.4a8.2 6.6 0 0 1 16.4 0z"></path>
        </svg>
        <span class="initials"></span>
      </div>
      <span class="caption"></span>
      <div class="label">
        <svg class="muted" viewBox="0 0 24 24" aria-hidden="true">
          <path d="M9 5.6a3 3 0 0 1 6 0v5.2M15 12.6a3 3 0 0 1-6-.6v-3"></path>
          <path d="M5.6 11.4a6.4 6.4 0 0 0 10.2 5.1M18.4 11.4a6.4 6.4 0 0 1-.7 2.9"></path>
          <path d="M12 18v3.4M3.6 3.6l16.8 16.8"></path>
        </svg>
        <bdi class="name"></bdi>
      </div>
    </article>`;

  class TileView {
    #video = null;
    #image = null;
    #sheet = null; // a page of a shared file

    constructor(key, mediaStream) {
      this.element = TILE.content.firstElementChild.cloneNode(true);
      this.element.dataset.key = key;
      this.mediaStream = mediaStream;
      this.parts = Object.fromEntries(
        ['picture', 'initials', 'caption', 'label', 'name'].map(
          (name) => [name, this.element.querySelector(`.${name}`)]));
    }

    show(tile, order) {
      const states = [tile.speaking && 'speaking', tile.muted && 'silent', tile.name && 'named',
        tile.initials && 'initialled', tile.isLabelled && 'labelled'].filter(Boolean);
      const image = this.#image?.dataset.state === 'loaded' ? ['pictured'] : [];
      setClass(this.element, ['tile', tile.kind, tile.look, ...states, ...image].join(' '));
      setStyle(this.element, {
        ...boxStyle(tile.box), 'z-index': String(order), '--radius': px(tile.radius),
        '--ring': px(tile.ring), '--text': px(tile.text), '--disc': px(tile.disc),
        '--colour': tile.colour ?? 'transparent', ...(tile.level && { '--level': String(tile.level) }),
      });
      setText(this.parts.name, tile.name ?? '');
      setText(this.parts.initials, tile.initials ?? '');
      setText(this.parts.caption, tile.caption);
      this.#showVideo(tile);
      this.#showSheet(tile);
      this.#showImage(tile.kind === 'avatar' ? Theme.pictureAddress(tile.avatarUrl) : '');
    }

    #showVideo({ streamId, picture }) {
      if (this.#video !== null && this.#video.dataset.stream !== streamId) {
        this.#video.remove();
        this.#video.srcObject = null;
        this.#video = null;
      }
      if (streamId === null) return;
      this.#video ??= this.#newVideo(streamId);
      setStyle(this.#video, { ...boxStyle(picture), 'object-fit': picture.fit });
    }

    #newVideo(streamId) {
      const video = document.createElement('video');
      Object.assign(video, { autoplay: true, muted: true, playsInline: true });
      video.dataset.stream = streamId;
      video.srcObject = this.mediaStream(streamId);
      this.element.prepend(video);
      return video;
    }

    /** The page before stays until the new one is there. */
    #showSheet({ sheetUrl, picture }) {
      const address = Theme.pictureAddress(sheetUrl);
      if (address === '') return;
      if (this.#sheet === null) {
        this.#sheet = new Image();
        this.#sheet.className = 'sheet';
        this.#sheet.alt = '';
        this.element.prepend(this.#sheet);
      }
      setStyle(this.#sheet, { ...boxStyle(picture), 'object-fit': 'contain' });
      if (this.#sheet.src !== address) this.#sheet.src = address;
    }

    /** Initials stay until the picture is there, and when it cannot be had. */
    #showImage(address) {
      if ((this.#image?.src ?? '') === address) return;
      this.#image?.remove();
      this.#image = null;
      this.element.classList.remove('pictured');
      if (address === '') return;
      const image = new Image();
      image.alt = '';
      image.referrerPolicy = 'no-referrer';
      image.onload = () => {
        image.dataset.state = 'loaded';
        if (image === this.#image) this.element.classList.add('pictured');
      };
      image.src = address;
      this.#image = image;
      this.parts.picture.append(image);
    }

    remove() {
      this.#showVideo({ streamId: null, picture: null });
      this.element.remove();
    }
  }

  /** Shows scenes on a stage; `mediaStream(streamId)` gives what a <video> plays. */
  class StageView {
    #tiles = new Map();

    constructor(stage, mediaStream) {
      Object.assign(this, { stage, mediaStream });
    }

    show({ mode, tiles }) {
      this.stage.dataset.mode = mode;
      const wanted = new Set(tiles.map(({ key }) => key));
      for (const [key, view] of this.#tiles) {
        if (wanted.has(key)) continue;
        view.remove();
        this.#tiles.delete(key);
      }
      tiles.forEach((tile, order) => this.#tileView(tile.key).show(tile, order));
    }

    #tileView(key) {
      let view = this.#tiles.get(key);
      if (view === undefined) {
        view = new TileView(key, this.mediaStream);
        this.#tiles.set(key, view);
        this.stage.append(view.element);
      }
      return view;
    }
  }

  return { StageView };
})();
