// The join page: lobby, room, farewell. What happens in the conference is conference.js.
// Automation: ?name=Ada&autojoin=1&video=0&audio=0&codec=h264&type=listener&externalId=ada
// Access control: #cat=TOKEN, a conference access token. A fragment is sent to no server.

import { join } from './conference.js';
import { icon } from './icons.js';
import { Lobby, explain, listDevices, showPreview } from './lobby.js';
import { PresentButton } from './present_button.js';
import { RecordButton } from './record_button.js';
import { isPaused } from './recording.js';
import { Stage } from './stage.js';
import { VideoButton } from './video_button.js';

const query = new URLSearchParams(location.search);
const address = location.origin + location.pathname.replace(/\/$/, '');
const conferenceAccessToken = takeToken();
const type = query.get('type') === 'listener' ? 'listener' : 'user';
const codec = query.get('codec') === 'h264' ? 'h264' : 'vp8';
const $ = (id) => document.getElementById(id);
const stage = new Stage($('stage'), () => ($('unlock').hidden = false));
const lobby = new Lobby(
  { audio: type === 'user' && query.get('audio') !== '0', video: type === 'user' && query.get('video') !== '0' },
  showLobby,
);
const recordButton = new RecordButton($('record'), toast);
const presentButton = new PresentButton($('file'), $('pages'), toast);
const videoButton = new VideoButton($('video'), $('player'), $('video-dialog'), toast);
let room = decodeURIComponent(address.split('/').at(-1)); // its name, as people know it
const PERMISSIONS = { microphone: 'SEND_AUDIO', camera: 'SEND_VIDEO', screen: 'SHARE_SCREEN' };
let conference = null;
let recordingTimer = 0;

// -- lobby --------------------------------------------------------------------------------------

// The token of the address, which then forgets it; it stays with the tab, for joining again.
function takeToken() {
  const key = `conferenceAccessToken ${address}`;
  const token = new URLSearchParams(location.hash.slice(1)).get('cat');
  if (token) {
    sessionStorage.setItem(key, token);
    history.replaceState(null, '', location.pathname + location.search);
  }
  return token ?? sessionStorage.getItem(key) ?? undefined;
}

function showTitle(alias) {
  room = alias || room;
  document.title = `${room} · Conference`;
  $('lobby-title').textContent = room;
  $('room-title').textContent = room;
}

async function start() {
  showTitle();
  $('name').value = query.get('name') ?? localStorage.getItem('name') ?? '';
  if (type === 'listener') document.body.classList.add('listener');
  const message = mediaProblem() || (await lobby.open());
  if (message) showMessage(message);
  await listDevices(document.querySelectorAll('#lobby select'), currentDevice);
  showPresent();
  if (query.get('autojoin') === '1') await enter($('name').value || 'Guest');
  else if (!$('name').value) $('name').focus();
}

function mediaProblem() {
  if (navigator.mediaDevices) return '';
  return 'Browsers give cameras to secure pages only: open this page by https, or by localhost.';
}

function currentDevice(kind) {
  const track = (conference?.local.camera ?? lobby.stream).getTracks().find((t) => t.kind === kind);
  return track?.getSettings().deviceId;
}

function showLobby() {
  showPreview(lobby, $('name').value);
  paintToggle($('lobby-microphone'), 'microphone', lobby.wanted.audio);
  paintToggle($('lobby-camera'), 'camera', lobby.wanted.video);
}

async function showPresent() {
  const headers = conferenceAccessToken ? { 'x-conf-access-token': conferenceAccessToken } : {};
  const answer = await fetch(`${address}/state`, { headers }).catch(() => null);
  const state = await answer?.json().catch(() => null);
  if (!state?.participants) {
    if (state?.error) showMessage(sentence(state.error));
    return;
  }
  showTitle(state.conference.alias);
  const names = state.participants.filter((p) => p.type === 'user').map((p) => p.name);
  const more = names.length > 3 ? ` and ${names.length - 3} more` : '';
  const are = names.length === 1 ? 'is' : 'are';
  $('lobby-present').textContent = names.length
    ? `${names.slice(0, 3).join(', ')}${more} ${are} here.`
    : 'Nobody is here yet.';
  const { active } = state.recording;
  $('lobby-recording').hidden = !active && !isPaused(state);
  $('lobby-recording').classList.toggle('paused', !active);
  $('lobby-recording-text').textContent = active
    ? 'This conference is being recorded.'
    : 'A recording of this conference is paused.';
}

function sentence(text) {
  return `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
}

function showMessage(text) {
  $('lobby-message').textContent = text;
  $('lobby-message').hidden = !text;
}

async function enter(name) {
  $('join').disabled = true;
  showMessage('');
  try {
    const externalId = query.get('externalId') ?? undefined;
    conference = await join({ url: address, name, type, codec, externalId, conferenceAccessToken });
  } catch (error) {
    showMessage(sentence(`Joining did not work: ${error.message}`));
    $('join').disabled = false;
    return;
  }
  globalThis.conference = conference; // for automation
  localStorage.setItem('name', name);
  showTitle(conference.state.conference.alias);
  attach();
  show('room');
  const { tracks } = lobby;
  if (type === 'user' && (tracks.audio || tracks.video)) await conference.publishCamera(tracks);
  const sent = conference.local.camera?.getTracks() ?? [];
  for (const track of Object.values(tracks)) if (track && !sent.includes(track)) track.stop();
  lobby.close(false);
  render();
}

// -- room ---------------------------------------------------------------------------------------

function attach() {
  conference.addEventListener('change', ({ detail }) => {
    announce(detail);
    render();
  });
  for (const event of ['media', 'local']) conference.addEventListener(event, render);
  conference.addEventListener('connection', ({ detail }) => {
    $('connection').hidden = detail.status !== 'reconnecting';
  });
  conference.addEventListener('permissionsUpdated', () => {
    toast('What you may do here has changed.');
    render();
  });
  conference.addEventListener('message', ({ detail }) => toast(`${detail.from}: ${detail.message}`));
  conference.addEventListener('ended', ({ detail }) => bidFarewell(detail.reason));
  recordButton.attach(conference);
  presentButton.attach(conference);
  videoButton.attach(conference);
}

function render() {
  if (!conference) return;
  const { state, participantId, local, muted } = conference;
  stage.render({
    state,
    participantId,
    local,
    muted: local.camera ? muted : { audio: true, video: true },
    mediaStream: (id) => conference.mediaStream(id),
    pageAddress: (page) => conference.presenting.address(page),
    screening: conference.screening,
  });
  const people = state.participants.filter((p) => p.type !== 'mixer').length;
  $('people').textContent = people === 1 ? 'Only you' : `${people} people`;
  const microphone = Boolean(local.camera?.getAudioTracks().length) && !muted.audio;
  paintToggle($('microphone'), 'microphone', microphone);
  paintToggle($('camera'), 'camera', Boolean(local.camera?.getVideoTracks().length));
  paintScreen(Boolean(local.screen));
  for (const [id, permission] of Object.entries(PERMISSIONS)) {
    $(id).disabled = !conference.permissions.has(permission);
    if ($(id).disabled) $(id).title = 'You have no permission for this here';
  }
  recordButton.render();
  presentButton.render();
  videoButton.render();
  showRecording(state);
}

function paintToggle(button, name, on) {
  button.innerHTML = icon(on ? name : `${name}Off`);
  button.classList.toggle('off', !on);
  button.setAttribute('aria-pressed', String(on));
  const label = `${name === 'camera' ? 'Camera' : 'Microphone'} ${on ? 'on' : 'off'}`;
  button.setAttribute('aria-label', label);
  button.title = `${on ? 'Turn off' : 'Turn on'} ${name}`;
}

function paintScreen(on) {
  const button = $('screen');
  button.innerHTML = icon(on ? 'screenOff' : 'screen');
  button.classList.toggle('on', on);
  button.setAttribute('aria-pressed', String(on));
  button.title = on ? 'Stop sharing' : 'Share a screen';
  button.setAttribute('aria-label', button.title);
}

function showRecording(state) {
  const { active, startedAt } = state.recording;
  const paused = isPaused(state);
  $('recording').hidden = !active && !paused;
  $('recording').classList.toggle('paused', paused);
  $('recording-text').textContent = paused ? 'Recording paused' : 'Recording';
  $('recording-time').hidden = paused;
  clearInterval(recordingTimer);
  if (!active) return;
  const paint = () => {
    const seconds = Math.max(0, Math.floor((Date.now() - startedAt) / 1000));
    const parts = [Math.floor(seconds / 60) % 60, seconds % 60].map((n) => String(n).padStart(2, '0'));
    const hours = Math.floor(seconds / 3600);
    $('recording-time').textContent = (hours ? [hours, ...parts] : parts).join(':');
  };
  paint();
  recordingTimer = setInterval(paint, 1000);
}

function announce({ type: event, data }) {
  const say = (text) => ($('announcer').textContent = text);
  const added = event === 'participant.added' ? data.participant : null;
  if (added && added.type !== 'mixer' && added.id !== conference.participantId) {
    say(`${added.name} has joined`);
  } else if (event === 'presentation.started') {
    say(`A ${data.presentation.kind} is presented`);
  } else if (event === 'recording.updated') {
    const stopped = isPaused(conference.state) ? 'Recording is paused' : 'Recording has stopped';
    say(data.active ? 'Recording has started' : stopped);
  }
}

function bidFarewell(reason) {
  clearInterval(recordingTimer);
  stage.clear();
  const titles = { left: 'You have left', kicked: 'You were removed', refused: 'You are not admitted any more' };
  $('farewell-title').textContent = titles[reason] ?? 'The conference has ended';
  $('rejoin').hidden = reason === 'kicked';
  $('farewell-reason').textContent = room;
  show('farewell');
}

function show(view) {
  for (const id of ['lobby', 'room', 'farewell']) $(id).hidden = id !== view;
  document.body.dataset.view = view;
}

let toastTimer = 0;
function toast(text) {
  $('toast').textContent = text;
  $('toast').hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => ($('toast').hidden = true), 4000);
}

// -- controls -----------------------------------------------------------------------------------

async function toggle(kind) {
  const on = kind === 'audio' ? 'microphone' : 'camera';
  const isOn = $(on).getAttribute('aria-pressed') === 'true';
  try {
    if (!conference.local.camera) {
      await conference.publishCamera({ audio: kind === 'audio', video: kind === 'video' });
    } else {
      await conference.mute({ [kind]: isOn });
    }
  } catch (error) {
    toast(explain(error, { audio: kind === 'audio', video: kind === 'video' }));
  }
  render();
}

async function toggleScreen() {
  if (conference.local.screen) {
    conference.stopScreen();
  } else {
    try {
      await conference.shareScreen();
    } catch (error) {
      if (error.name !== 'NotAllowedError') toast('The screen could not be shared.');
    }
  }
  render();
}

async function lobbyAct(act) {
  const message = await act();
  showMessage(message);
  await listDevices(document.querySelectorAll('#lobby select'), currentDevice);
}

$('settings').innerHTML = icon('settings');
$('settings').setAttribute('aria-label', 'Camera and microphone');
$('copy').innerHTML = `${icon('link')}<span>Copy link</span>`;
$('leave').innerHTML = icon('leave');
$('leave').setAttribute('aria-label', 'Leave');
$('leave').title = 'Leave';
$('name').addEventListener('input', showLobby);
$('join-form').addEventListener('submit', (event) => {
  event.preventDefault();
  enter($('name').value.trim());
});
$('lobby-microphone').addEventListener('click', () => lobbyAct(() => lobby.toggle('audio')));
$('lobby-camera').addEventListener('click', () => lobbyAct(() => lobby.toggle('video')));
$('lobby-microphone-list').addEventListener('change', ({ target }) =>
  lobbyAct(() => lobby.choose('audio', target.value)),
);
$('lobby-camera-list').addEventListener('change', ({ target }) =>
  lobbyAct(() => lobby.choose('video', target.value)),
);
$('microphone').addEventListener('click', () => toggle('audio'));
$('camera').addEventListener('click', () => toggle('video'));
$('screen').addEventListener('click', toggleScreen);
$('leave').addEventListener('click', () => conference.leave());
$('rejoin').addEventListener('click', () => location.reload());
$('unlock').addEventListener('click', () => {
  $('unlock').hidden = true;
  stage.playAll();
});
$('copy').addEventListener('click', async () => {
  await navigator.clipboard?.writeText(address);
  toast('The link is on the clipboard.');
});
$('settings').addEventListener('click', async () => {
  await listDevices(document.querySelectorAll('#devices select'), currentDevice);
  $('devices').showModal();
});
$('camera-list').addEventListener('change', ({ target }) =>
  conference.useDevices({ video: target.value }).catch((error) => toast(explain(error, { video: true }))),
);
$('microphone-list').addEventListener('change', ({ target }) =>
  conference.useDevices({ audio: target.value }).catch((error) => toast(explain(error, { audio: true }))),
);
addEventListener('keydown', (event) => {
  if (document.body.dataset.view !== 'room' || !(event.ctrlKey || event.metaKey)) return;
  const act = { d: () => toggle('audio'), e: () => toggle('video') }[event.key.toLowerCase()];
  if (act) {
    event.preventDefault();
    act();
  }
});
addEventListener('hashchange', () => location.hash.startsWith('#cat=') && location.reload());
addEventListener('pagehide', () => conference?.leave());

start();
