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

  /** The address of a picture if it is one that a page may load, else ''. */
  function pictureAddress(text) {
    if (!text) return ''; // else it would be the page's own address
    try {
      const url = new URL(text, document.baseURI);
      const isPicture = ['http:', 'https:', 'blob:'].includes(url.protocol) || /^data:image\//i.test(text);
      return isPicture ? url.href : '';
    } catch {
      return '';
    }
  }

  class TileView {
    #video = null;
    #image = null;

    constructor(template, key, mediaStream) {
      this.element = template.content.firstElementChild.cloneNode(true);
      this.element.dataset.key = key;
      this.mediaStream = mediaStream;
      this.parts = Object.fromEntries(
        ['picture', 'initials', 'more', 'label', 'name'].map(
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
        '--colour': tile.colour ?? 'transparent',
      });
      setText(this.parts.name, tile.name ?? '');
      setText(this.parts.initials, tile.initials ?? '');
      setText(this.parts.more, tile.kind === 'more' ? `+${tile.count}` : '');
      this.#showVideo(tile);
      this.#showImage(tile.kind === 'avatar' ? pictureAddress(tile.avatarUrl) : '');
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

    constructor(stage, template, mediaStream) {
      Object.assign(this, { stage, template, mediaStream });
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
        view = new TileView(this.template, key, this.mediaStream);
        this.#tiles.set(key, view);
        this.stage.append(view.element);
      }
      return view;
    }
  }

  return { StageView };
})();
