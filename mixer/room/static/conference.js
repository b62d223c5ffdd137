// The conference in a browser: join, publish, receive, mute, share, leave. No user interface.
//
//   import { join } from '/static/conference.js';
//   const conference = await join({ url: location.href, name: 'Ada' });
//   conference.addEventListener('media', ({ detail }) => show(detail.streamId, detail.mediaStream));
//   await conference.publishCamera({ audio: true, video: true });
//
// Documented in docs/conference-state.md ("conference.js"), typed in conference.d.ts. Comes back by
// itself after a lost network, a restarted media server, or a restarted conference server.

import { capture, deviceOf } from './capture.js';
import { Media } from './media.js';
import { Presenting } from './presenting.js';
import { Recording } from './recording.js';
import { joinReplay } from './replay.js';
import { Screening } from './screening.js';
import { addressOf, ask, backoff, readEvents, shown } from './server.js';
import { allStreams, apply, emptyState } from './state.js';

const SENDING = { audio: 'SEND_AUDIO', video: 'SEND_VIDEO' };
const SCREEN = { video: { frameRate: { ideal: 15, max: 30 } }, audio: true };

export { mediaConstraints } from './capture.js';
export { replay } from './replay.js';
export { allStreams } from './state.js';

// Joins the room of `url` (http(s)://host/rooms/NAME). Rejects when the server refuses or is away.
export async function join(options) {
  const conference = new Conference(options);
  await conference.start();
  return conference;
}

// Events: 'change' {type, data} after `state` has changed; 'media' {streamId, mediaStream|null};
// 'local' {name, mediaStream|null}; 'connection' {status}; 'permissionsUpdated' {permissions: Set};
// 'message' {from, message, participantId?}; 'ended' {reason}. Recordings have their own
// (recording.js).
export class Conference extends EventTarget {
  state;
  participantId = '';
  status = 'connecting'; // 'connected', 'reconnecting', 'ended'
  local = { camera: null, screen: null }; // the MediaStreams that are published
  permissions = new Set(); // what we may do: 'SEND_AUDIO', 'RECORD', …
  capabilities = {}; // what the server can do here: {recording, replay}
  recording = new Recording(this, (method) => this.#request(method, '/recording'));
  presenting; // the file that is presented (presenting.js)
  screening; // the video that is presented (screening.js)

  #base;
  #profile;
  #conferenceAccessToken;
  #token = '';
  #iceServers = [];
  #events = null;
  #media;
  #muted = { audio: false, video: false };
  #devices = { audio: true, video: true };
  #left = false;

  constructor({
    url = location.href,
    name,
    type = 'user',
    externalId,
    avatarUrl,
    codec = 'vp8',
    conferenceAccessToken,
  }) {
    super();
    this.#base = addressOf(url);
    this.#profile = { name, type, externalId, avatarUrl };
    this.#conferenceAccessToken = conferenceAccessToken;
    this.presenting = new Presenting(this, this.#base, (...what) => this.#request(...what));
    this.screening = new Screening(this, this.#base, (...what) => this.#request(...what));
    this.state = emptyState();
    const identity = () => ({
      address: this.#socketAddress('janus'),
      participantId: this.participantId,
      iceServers: this.#iceServers,
    });
    this.#media = new Media(identity, codec, (streamId, mediaStream) =>
      this.#emit('media', { streamId, mediaStream }),
    );
  }

  get muted() {
    return { ...this.#muted };
  }

  // The MediaStream of a stream of `state`, null while it does not arrive.
  mediaStream(streamId) {
    return this.#media.stream(streamId);
  }

  async start() {
    await this.#register();
    this.#follow();
    this.#media.stay();
  }

  // Publishes camera and microphone. `audio` and `video` as for mediaConstraints (capture.js), or
  // tracks; of what we are not permitted to send nothing is opened.
  async publishCamera({ audio = true, video = true } = {}) {
    audio = this.permissions.has('SEND_AUDIO') && audio;
    video = this.permissions.has('SEND_VIDEO') && video;
    if (!audio && !video) return;
    const stream = await capture(audio, video);
    this.#devices = { audio: deviceOf(audio), video: deviceOf(video) };
    this.#replaceLocal('camera', stream);
    this.#muted = {
      audio: !stream.getAudioTracks().length,
      video: !stream.getVideoTracks().length,
    };
    this.#tellMutedUntilHeard(); // what is sent does not wait for that
    this.#media.publish('camera', stream);
  }

  // Shares a screen, window or tab; `stream` instead of asking the user for one. Resolves with it.
  async shareScreen(stream = null) {
    if (!this.permissions.has('SHARE_SCREEN')) throw new Error('you may not share a screen here');
    const shared = stream ?? (await navigator.mediaDevices.getDisplayMedia(SCREEN));
    this.#replaceLocal('screen', shared);
    for (const track of shared.getVideoTracks()) {
      track.contentHint ||= 'detail';
      track.addEventListener('ended', () => {
        if (this.local.screen === shared) this.stopScreen();
      });
    }
    this.#media.publish('screen', shared);
    return shared;
  }

  stopScreen() {
    this.#media.publish('screen', null);
    this.#replaceLocal('screen', null);
  }

  // Mutes or unmutes microphone (audio) and camera (video); a muted camera is switched off.
  async mute(changes) {
    for (const kind of ['audio', 'video']) {
      if (kind in changes && changes[kind] !== this.#muted[kind]) {
        if (!changes[kind] && !this.permissions.has(SENDING[kind])) continue;
        if (changes[kind]) await this.#muteTrack(kind);
        else await this.#unmuteTrack(kind);
        this.#muted[kind] = changes[kind];
      }
    }
    await this.#tellMuted();
  }

  // Takes other devices, by id.
  async useDevices({ audio, video }) {
    if (audio) this.#devices.audio = audio;
    if (video) this.#devices.video = video;
    if (!this.local.camera) return;
    if (audio && !this.#muted.audio) await this.#newTrack('audio');
    if (video && !this.#muted.video) await this.#newTrack('video');
  }

  // Leaves; works also while the page is being closed.
  async leave() {
    if (this.#left) return;
    this.#stop('left');
    await this.#request('DELETE', `/participants/${this.participantId}`, undefined, true).catch(
      () => {},
    );
  }

  // Ends the conference for everybody.
  async end() {
    await this.#request('DELETE', '');
  }

  // Replays this conference's recording from `offset` milliseconds on: see `replay` above.
  async replay(offset = 0, options = {}) {
    const begun = await this.#request('POST', '/replay', { offset });
    return joinReplay(this.#base, begun, { name: this.#profile.name, ...options });
  }

  // A message to participants by id, or to everybody: they get it as event 'message'.
  async send(message, to) {
    await this.#request('POST', '/messages', { message, to });
  }

  // Removes somebody (permission KICK).
  async kick(participantId) {
    await this.#request('DELETE', `/participants/${participantId}`);
  }

  // Other permissions: {externalId: {permissions: ['JOIN', …]}} (permission UPDATE_PERMISSIONS).
  async updatePermissions(participants) {
    await this.#request('POST', '/permissions', { participants });
  }

  // Conference access tokens for others, by external id; `participants` as above (permission INVITE).
  invite(participants) {
    return this.#request('POST', '/invitations', { participants });
  }

  // -- the server ------------------------------------------------------------------------------

  async #register() {
    const body = { ...this.#profile, streams: this.#mutedStreams() };
    if (this.#token) {
      body.token = this.#token;
      body.conference = this.state.conference.id;
    }
    const answer = await this.#request('POST', '/participants', body);
    this.participantId = answer.participantId;
    this.#token = answer.token;
    this.#iceServers = answer.iceServers;
    this.capabilities = answer.capabilities ?? {};
    this.#permit(answer.permissions ?? []);
    this.#reset(answer.state);
  }

  async #request(method, path, body, keepalive = false) {
    const headers = shown(this.#conferenceAccessToken);
    if (this.#token) headers.authorization = `Bearer ${this.#token}`;
    try {
      return await ask(method, this.#base + path, headers, body, keepalive);
    } catch (error) {
      if (error.status === 410 && !this.#left) this.#stop(error.reason ?? 'ended');
      throw error;
    }
  }

  // What we may do from now on; what is sent against it ends.
  #permit(names) {
    const before = this.permissions;
    this.permissions = new Set(names);
    if (names.length === before.size && names.every((name) => before.has(name))) return;
    this.#emit('permissionsUpdated', { permissions: this.permissions });
    if (this.local.screen && !this.permissions.has('SHARE_SCREEN')) this.stopScreen();
    this.#dropForbidden();
  }

  #dropForbidden() {
    const stream = this.local.camera;
    const forbidden = (stream?.getTracks() ?? []).filter(
      (track) => !this.permissions.has(SENDING[track.kind]),
    );
    if (!forbidden.length) return;
    for (const track of forbidden) {
      track.stop();
      stream.removeTrack(track);
      this.#muted[track.kind] = true;
    }
    this.local.camera = stream.getTracks().length ? stream : null;
    this.#emit('local', { name: 'camera', mediaStream: this.local.camera });
    this.#tellMutedUntilHeard();
    this.#media.publish('camera', this.local.camera);
  }

  // Follows the events; after a loss registers again (same token, same id) and goes on.
  async #follow() {
    for (let failures = 0; !this.#left; failures++) {
      this.#events = readEvents(this.#socketAddress('events'), (message) => this.#hear(message));
      const opened = await this.#events.ended;
      if (this.#left) return;
      this.#setStatus('reconnecting');
      if (opened) failures = 0;
      await backoff(failures);
      await this.#register().catch(({ status }) => {
        if (status === 401 || status === 403) this.#stop('refused');
      });
    }
  }

  #socketAddress(path) {
    return `${this.#base.replace(/^http/, 'ws')}/${path}?token=${this.#token}`;
  }

  #hear({ type, data }) {
    this.#setStatus('connected');
    this.#reduce(type, data);
  }

  #reduce(type, data) {
    const act = {
      heartbeat: () => {},
      state: () => this.#reset(data),
      kicked: () => this.#stop('kicked'),
      'permissions.updated': () => this.#permit(data.permissions),
      message: () => this.#emit('message', data),
      'recording.failed': () => this.recording.failed(data),
    }[type];
    if (act) {
      act();
      return;
    }
    this.state = apply(this.state, type, data);
    this.#subscribe();
    this.#emit('change', { type, data });
    this.recording.update();
    if (type === 'conference.ended') this.#stop(data.reason ?? 'ended');
  }

  #reset(state) {
    this.state = state;
    this.#subscribe();
    this.#emit('change', { type: 'state', data: state });
    this.recording.update();
  }

  #mutedStreams() {
    const { audio, video } = this.#muted;
    return { camera: { audio: { muted: audio }, video: { muted: video } } };
  }

  async #tellMuted() {
    const streams = this.#mutedStreams();
    await this.#request('PATCH', `/participants/${this.participantId}`, { streams });
  }

  // Again and again while the server is away; not if it refuses.
  async #tellMutedUntilHeard() {
    let away = true;
    for (let failures = 0; away && !this.#left; failures++) {
      if (failures) await backoff(failures - 1);
      away = await this.#tellMuted().then(
        () => false,
        ({ status }) => status === undefined,
      );
    }
  }

  // Receives the streams of the others, no more and no less. Mixers have their own way.
  #subscribe() {
    const others = allStreams(this.state).filter(
      ({ participant }) => participant.id !== this.participantId,
    );
    const isMixer = this.#profile.type === 'mixer';
    this.#media.receive(isMixer ? [] : others.map(({ stream }) => stream.id));
  }

  // -- local media -----------------------------------------------------------------------------

  #replaceLocal(name, stream) {
    for (const track of this.local[name]?.getTracks() ?? []) {
      if (!stream?.getTracks().includes(track)) track.stop();
    }
    this.local[name] = stream;
    this.#emit('local', { name, mediaStream: stream });
  }

  async #muteTrack(kind) {
    const track = this.local.camera?.getTracks().find((t) => t.kind === kind);
    if (!track) return;
    if (kind === 'audio') {
      track.enabled = false; // silence goes on being sent: a gap would look like loss
      return;
    }
    await this.#media.replace('camera', 'video', null);
    track.stop();
    this.local.camera.removeTrack(track);
    this.#emit('local', { name: 'camera', mediaStream: this.local.camera });
  }

  async #unmuteTrack(kind) {
    const track = this.local.camera?.getTracks().find((t) => t.kind === kind);
    if (track && track.readyState === 'live') track.enabled = true;
    else await this.#newTrack(kind);
  }

  async #newTrack(kind) {
    const open = (device) => capture(kind === 'audio' && device, kind === 'video' && device);
    const opened = await open(this.#devices[kind]).catch((error) => {
      if (error.name !== 'OverconstrainedError') throw error;
      return open(true); // that device is gone, or never was one
    });
    const [track] = opened.getTracks();
    const stream = this.local.camera ?? new MediaStream();
    for (const old of stream.getTracks().filter((t) => t.kind === kind)) {
      old.stop();
      stream.removeTrack(old);
    }
    stream.addTrack(track);
    this.local.camera = stream;
    this.#emit('local', { name: 'camera', mediaStream: stream });
    const replaced = await this.#media.replace('camera', kind, track);
    if (!replaced) this.#media.publish('camera', stream);
  }

  #stop(reason) {
    if (this.#left) return;
    this.#left = true;
    this.#events?.close();
    this.#media.close();
    this.#replaceLocal('camera', null);
    this.#replaceLocal('screen', null);
    this.#setStatus('ended');
    this.#emit('ended', { reason });
  }

  #setStatus(status) {
    if (this.status === status || this.status === 'ended') return;
    this.status = status;
    this.#emit('connection', { status });
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
