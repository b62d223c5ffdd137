// Before joining: camera preview, microphone level, choice of devices.

import { mediaConstraints } from './capture.js';
import { fillAvatar } from './stage.js';

const METER_FLOOR_DB = -60;

export class Lobby {
  stream = new MediaStream();
  #wanted;
  #devices = { audio: '', video: '' };
  #onChange;
  #meter = null;

  // `wanted` {audio, video}: what is on at first; `onChange` after every change of `stream`.
  constructor(wanted, onChange) {
    this.#wanted = { ...wanted };
    this.#onChange = onChange;
  }

  get wanted() {
    return { ...this.#wanted };
  }

  // What publishCamera takes: the tracks of the preview, so that devices are opened only once.
  get tracks() {
    const track = (kind) => this.stream.getTracks().find((t) => t.kind === kind) ?? false;
    return { audio: track('audio'), video: track('video') };
  }

  // Opens what is wanted and not open yet; resolves with an error for people, or ''.
  async open() {
    const missing = {
      audio: this.#wanted.audio && !this.tracks.audio,
      video: this.#wanted.video && !this.tracks.video,
    };
    const messages = [];
    for (const kinds of openings(missing)) {
      try {
        await this.#capture(kinds);
        break;
      } catch (error) {
        messages.push(explain(error, kinds));
      }
    }
    for (const kind of ['audio', 'video']) this.#wanted[kind] &&= Boolean(this.tracks[kind]);
    this.#changed();
    return messages[0] ?? '';
  }

  async toggle(kind) {
    this.#wanted[kind] = !this.#wanted[kind];
    if (this.#wanted[kind]) return this.open();
    this.#drop(kind);
    this.#changed();
    return '';
  }

  async choose(kind, deviceId) {
    this.#devices[kind] = deviceId;
    if (!this.#wanted[kind]) return '';
    this.#drop(kind);
    return this.open();
  }

  // Ends the preview's own things; the tracks go on if the conference has taken them.
  close(stopTracks) {
    if (stopTracks) for (const track of this.stream.getTracks()) track.stop();
    this.stream = new MediaStream();
    this.#meter?.stop();
    this.#meter = null;
  }

  async #capture({ audio, video }) {
    const choice = (kind, wanted) => wanted && (this.#devices[kind] || true);
    const asked = mediaConstraints({ audio: choice('audio', audio), video: choice('video', video) });
    const captured = await navigator.mediaDevices.getUserMedia(asked);
    for (const track of captured.getTracks()) this.stream.addTrack(track);
  }

  #drop(kind) {
    for (const track of this.stream.getTracks().filter((t) => t.kind === kind)) {
      track.stop();
      this.stream.removeTrack(track);
    }
  }

  #changed() {
    this.#meter?.stop();
    this.#meter = this.tracks.audio ? new Meter(this.tracks.audio) : null;
    this.#onChange();
  }
}

// Shows the preview into the page's elements.
export function showPreview(lobby, name) {
  const video = document.getElementById('preview-video');
  const avatar = document.getElementById('preview-avatar');
  const { video: track } = lobby.tracks;
  if (!track) video.srcObject = null;
  else if (video.srcObject?.getVideoTracks()[0] !== track) video.srcObject = new MediaStream([track]);
  video.hidden = !track;
  avatar.hidden = Boolean(track);
  fillAvatar(avatar, name || 'you', name || '', null);
}

// Fills the select elements with the devices that there are.
export async function listDevices(selects, current) {
  const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  for (const select of selects) {
    const kind = select.dataset.devices;
    const options = devices.filter((d) => d.kind === kind && d.deviceId);
    select.replaceChildren(...options.map((d, i) => new Option(d.label || `Device ${i + 1}`, d.deviceId)));
    if (!options.length) select.append(new Option('None found', ''));
    select.disabled = !options.length;
    const id = current(kind === 'audioinput' ? 'audio' : 'video');
    if (id && options.some((d) => d.deviceId === id)) select.value = id;
  }
}

class Meter {
  #context = new AudioContext();
  #frame = 0;

  constructor(track) {
    const analyser = this.#context.createAnalyser();
    analyser.fftSize = 1024;
    this.#context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const bar = document.getElementById('preview-level');
    const draw = () => {
      analyser.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, s) => sum + s * s, 0) / samples.length;
      const level = 1 - (10 * Math.log10(power + 1e-9)) / METER_FLOOR_DB;
      bar.style.transform = `scaleY(${Math.min(Math.max(level, 0), 1)})`;
      this.#frame = requestAnimationFrame(draw);
    };
    draw();
  }

  stop() {
    cancelAnimationFrame(this.#frame);
    this.#context.close();
    document.getElementById('preview-level').style.transform = 'scaleY(0)';
  }
}

function openings({ audio, video }) {
  if (audio && video) return [{ audio, video }, { audio, video: false }, { audio: false, video }];
  return audio || video ? [{ audio, video }] : [];
}

// One line for people about why a camera or a microphone could not be had.
export function explain(error, { audio, video }) {
  const what = audio && video ? 'camera and microphone' : audio ? 'microphone' : 'camera';
  if (error.name === 'NotAllowedError') {
    return `This page may not use your ${what}: allow it beside the page's address.`;
  }
  if (error.name === 'NotFoundError') return `No ${what} was found. You can join without.`;
  if (error.name === 'NotReadableError') return `Your ${what} is in use by another program.`;
  return `Your ${what} could not be opened (${error.name}).`;
}
