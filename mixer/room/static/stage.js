// The tiles of the conference: one for each camera or participant, one for each shared screen.

import { grid, spotlight } from './grid.js';
import { icon } from './icons.js';
import { Player } from './player.js';

export class Stage {
  #element;
  #tiles = new Map(); // key -> Tile
  #order = [];
  #onBlocked;

  // `onBlocked` is called when the browser refuses to play sound before a click.
  constructor(element, onBlocked) {
    this.#element = element;
    this.#onBlocked = onBlocked;
    new ResizeObserver(() => this.#arrange()).observe(element);
  }

  // Shows the state: `mediaStream(streamId)` gives what arrives, `local` what we send,
  // `pageAddress(page)` where the image of a presented file's page is; `screening` is screening.js's.
  render({ state, participantId, local, muted, mediaStream, pageAddress, screening }) {
    const wanted = tilesOf(state, participantId, local, muted, pageAddress, screening);
    const keys = new Set(wanted.map((one) => one.key));
    for (const [key, tile] of this.#tiles) {
      if (!keys.has(key)) {
        tile.remove();
        this.#tiles.delete(key);
      }
    }
    for (const one of wanted) {
      if (!this.#tiles.has(one.key)) this.#tiles.set(one.key, new Tile(this.#element, this.#onBlocked));
      const media = one.sheet || one.screening ? null : one.own ? one.ownStream : one.streamId && mediaStream(one.streamId);
      this.#tiles.get(one.key).show(one, media ?? null);
    }
    this.#order = wanted;
    this.#arrange();
  }

  playAll() {
    for (const tile of this.#tiles.values()) tile.play();
  }

  clear() {
    for (const tile of this.#tiles.values()) tile.remove();
    this.#tiles.clear();
    this.#order = [];
  }

  #arrange() {
    const { clientWidth: width, clientHeight: height } = this.#element;
    if (!width || !height || !this.#order.length) return;
    const screens = this.#order.filter((one) => one.screen);
    const sorted = [...screens, ...this.#order.filter((one) => !one.screen)];
    const rectangles = screens.length
      ? spotlight(width, height, sorted.length - 1)
      : grid(width, height, sorted.length);
    sorted.forEach((one, index) => this.#tiles.get(one.key).place(rectangles[index]));
  }
}

// The page of a file that is presented, as a tile like a shared screen.
function sheetOf({ presentation, participants }, participantId, pageAddress) {
  const page = presentation?.kind === 'file' ? presentation.pages[presentation.page] : null;
  const participant = participants.find(({ id }) => id === presentation?.ownerId);
  if (!page || !participant) return [];
  const own = participant.id === participantId;
  const key = `presentation ${presentation.id}`;
  const label = `${presentation.name || 'file'}, page ${presentation.page + 1} of ${presentation.pages.length}`;
  return [{ key, own, participant, screen: true, sheet: pageAddress(page), what: label }];
}

// The video that is presented, as a tile like a shared screen.
function filmOf({ participants }, participantId, screening) {
  const { current } = screening;
  const participant = participants.find(({ id }) => id === current?.ownerId);
  if (!participant) return [];
  const own = participant.id === participantId;
  return [{ key: `presentation ${current.id}`, own, participant, screen: true, screening, what: current.name }];
}

function tilesOf(state, participantId, local, muted, pageAddress, screening) {
  const tiles = [
    ...sheetOf(state, participantId, pageAddress),
    ...filmOf(state, participantId, screening),
  ];
  for (const participant of state.participants) {
    if (participant.type === 'mixer') continue;
    const own = participant.id === participantId;
    const camera = participant.streams.find((s) => s.type === 'Camera');
    if (participant.type !== 'listener') {
      tiles.push({
        key: participant.id,
        own,
        participant,
        streamId: camera?.id,
        ownStream: own ? local.camera : null,
        screen: false,
        video: own
          ? Boolean(local.camera?.getVideoTracks().length)
          : Boolean(camera?.video && !camera.video.muted),
        silent: own ? muted.audio : !camera?.audio || camera.audio.muted,
      });
    }
    for (const stream of participant.streams.filter((s) => s.type === 'ScreenShare')) {
      tiles.push({
        key: stream.id,
        own,
        participant,
        streamId: stream.id,
        ownStream: own ? local.screen : null,
        screen: true,
        video: true,
        silent: false,
      });
    }
  }
  return tiles;
}

class Tile {
  #root = document.createElement('article');
  #video = document.createElement('video');
  #audio = document.createElement('audio');
  #avatar = document.createElement('div');
  #label = document.createElement('div');
  #sheet = null; // the image of a presented file's page
  #player = null; // of a presented video
  #labelText = '';
  #avatarText = '';
  #onBlocked;

  constructor(parent, onBlocked) {
    this.#onBlocked = onBlocked;
    this.#root.className = 'tile';
    this.#video.muted = true; // sound is the audio element's: pictures may play without a click
    this.#video.autoplay = true;
    this.#video.playsInline = true;
    this.#avatar.className = 'avatar';
    this.#avatar.setAttribute('aria-hidden', 'true');
    this.#label.className = 'label';
    this.#root.append(this.#video, this.#avatar, this.#label, this.#audio);
    parent.append(this.#root);
  }

  show(one, media) {
    const { participant, own, screen } = one;
    this.#root.dataset.stream = one.streamId ?? '';
    this.#root.dataset.participant = participant.id;
    this.#root.classList.toggle('screen', screen);
    this.#root.classList.toggle('speaking', !screen && participant.speaking && !one.silent);
    this.#video.classList.toggle('mirrored', own && !screen);
    this.#setMedia(this.#video, one.video ? media : null);
    this.#setMedia(this.#audio, own ? null : media);
    this.#video.hidden = !one.video || !media;
    this.#avatar.hidden = !this.#video.hidden || screen;
    this.#showSheet(one.sheet);
    this.#showFilm(one.screening);
    this.#showAvatar(participant);
    this.#showLabel(one);
  }

  place({ x, y, width, height }) {
    this.#root.style.transform = `translate(${x}px, ${y}px)`;
    this.#root.style.width = `${width}px`;
    this.#root.style.height = `${height}px`;
  }

  play() {
    this.#player?.play();
    for (const element of [this.#video, this.#audio]) {
      if (element.srcObject) {
        element.play().catch((error) => {
          if (error.name === 'NotAllowedError') this.#onBlocked();
        });
      }
    }
  }

  remove() {
    this.#video.srcObject = null;
    this.#audio.srcObject = null;
    this.#player?.close();
    this.#root.remove();
  }

  #setMedia(element, media) {
    if (element.srcObject === media) return;
    element.srcObject = media;
    if (media) this.play();
  }

  #showSheet(address) {
    if (!address) return;
    if (this.#sheet === null) {
      this.#sheet = new Image();
      this.#sheet.alt = '';
      this.#root.prepend(this.#sheet);
    }
    if (this.#sheet.src !== address) this.#sheet.src = address;
  }

  #showFilm(screening) {
    if (!screening) return;
    if (this.#player === null) {
      this.#player = new Player(screening, this.#onBlocked);
      this.#root.prepend(this.#player.element);
    }
    this.#player.follow();
  }

  #showAvatar({ id, name, avatarUrl }) {
    const text = `${id} ${name} ${avatarUrl}`;
    if (text === this.#avatarText) return;
    this.#avatarText = text;
    fillAvatar(this.#avatar, id, name, avatarUrl);
  }

  #showLabel({ participant, own, screen, silent, what = 'screen' }) {
    const name = own ? `${participant.name} (you)` : participant.name;
    const text = screen ? `${name}: ${what}` : name;
    const replayed = participant.type === 'robot';
    const shown = `${text} ${silent} ${replayed}`;
    if (shown === this.#labelText) return;
    this.#labelText = shown;
    this.#label.innerHTML = silent ? icon('microphoneOff') : '';
    const span = document.createElement('span');
    span.textContent = text;
    this.#label.append(span);
    if (replayed) {
      const mark = document.createElement('small');
      mark.textContent = 'replay';
      mark.title = 'From a recording';
      this.#label.append(mark);
    }
    const notes = [silent && 'muted', replayed && 'replay'].filter(Boolean);
    this.#root.setAttribute('aria-label', [text, ...notes].join(', '));
  }
}

// Fills `element` with the picture of `avatarUrl`, or with the initials of `name`.
export function fillAvatar(element, id, name, avatarUrl) {
  const initials = document.createElement('span');
  initials.textContent = initialsOf(name);
  element.style.setProperty('--hue', hueOf(id));
  element.replaceChildren(initials);
  if (!avatarUrl) return;
  const image = new Image();
  image.referrerPolicy = 'no-referrer';
  image.alt = '';
  image.onload = () => element.replaceChildren(image);
  image.src = avatarUrl;
}

function initialsOf(name) {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const chosen = words.length > 1 ? [words[0], words.at(-1)] : words;
  const first = (word) => [...new Intl.Segmenter().segment(word)][0]?.segment ?? '';
  return chosen.map(first).join('').toLocaleUpperCase() || '?';
}

function hueOf(text) {
  let hash = 7;
  for (const char of text) hash = (hash * 31 + char.codePointAt(0)) % 3600;
  return hash % 360;
}
