/** The preview's page: controls, the layout's frame, the mixer's picture, put together. */

import { Conference } from './conference.js';
import { showPeople } from './list.js';
import { MixersPicture } from './mixers.js';
import { Player } from './player.js';
import { Problems } from './problems.js';
import { Stage } from './stage.js';

const SIZES = { '1920 × 1080': [1920, 1080], '1280 × 720': [1280, 720], '1080 × 1920 (phone)': [1080, 1920], '1080 × 1080 (square)': [1080, 1080],
  '3840 × 2160': [3840, 2160], '640 × 360': [640, 360] };
const AUTO_MS = 350; // after the last change, until the mixer's picture is asked for
const TALK_MS = { turns: 2500, quick: 500 };
const CHURN_MS = 5000;
const $ = (id) => document.getElementById(id);

const subject = await (await fetch('/api/subject')).json();
const conference = new Conference();
const player = new Player(conference);
const problems = new Problems($('problems'));
const stage = new Stage($('stage'), subject);
const parameters = () => Object.fromEntries($('parameters').value.split('\n').map((line) => line.trim()).filter(Boolean)
  .map((line) => [line.split('=')[0].trim(), line.split('=').slice(1).join('=').trim()]));
const mixers = new MixersPicture($('rendered'), {
  mode: $('mode'),
  reason: $('reason'),
  button: $('render'),
  wrong: (kind, detail) => problems.tell(kind, `${detail} (in the mixer)`, false), // each picture opens the page anew
  moment: () => ({ state: conference.state, size: stage.size, t: player.seconds, parameters: parameters(),
    language: $('language').value || 'en', layoutType: $('type').value }),
});

// ---- page -----------------------------------------------------------------------------------------

function load(wait = AUTO_MS) {
  problems.clear();
  status('Loading');
  stage.load({ state: conference.state, query: new URLSearchParams(parameters()).toString(), t: player.seconds, playing: player.playing,
    layoutType: $('type').value, language: $('language').value || 'en' });
  soon(wait);
}

function status(text, kind = '') {
  $('status').textContent = text;
  $('status').className = kind;
}

let waiting = 0;
let hasSpoken = false; // somebody else than in the picture that is being made
function soon(wait = AUTO_MS) {
  clearTimeout(waiting);
  waiting = $('auto').checked ? setTimeout(picture, wait) : 0;
}

async function picture() {
  waiting = 0;
  hasSpoken = false;
  await mixers.render();
  if (hasSpoken && !mixers.hasFailed) soon();
}

let loadedAt = performance.now();
stage.addEventListener('hello', () => {
  loadedAt = performance.now();
  stage.tell({ mixer: 'reset', state: conference.state, t: player.seconds, playing: player.playing });
});
stage.addEventListener('ready', ({ detail }) => status(`Ready after ${detail.ms} ms`, 'good'));
stage.addEventListener('failed', ({ detail }) => { status('Gave up', 'bad'); problems.tell('failed', detail.reason); });
stage.addEventListener('wrong', ({ detail }) => problems.tell(detail.kind, detail.detail));
stage.addEventListener('key', ({ detail }) => shortcut(detail.key));
stage.addEventListener('fitted', ({ detail }) => { $('scale').textContent = `${Math.round(detail * 100)} %`; });
stage.addEventListener('look', ({ detail: { ready, awaits, failed, finished, kind, ms } }) => {
  if (failed !== null) return;
  if (finished) status('Finished: this would end the recording');
  else if (ready && kind !== 'sdk') status(`Ready after ${ms} ms${kind === 'voxeet' ? ', page of Dolby.io' : ''}`, 'good');
  else if (!ready) {
    status(`Not ready: ${awaits}`, 'bad');
    if (performance.now() - loadedAt > 5000) problems.tell('not-ready', awaits);
  }
});

function resize([width, height]) {
  stage.size = [Math.max(64, width), Math.max(64, height)].map((side) => Math.min(4096, Math.round(side / 2) * 2));
  [$('width').value, $('height').value] = stage.size;
  const name = Object.keys(SIZES).find((one) => String(SIZES[one]) === String(stage.size));
  $('preset').value = name ?? '';
  arrange();
  load();
}

/** The two pictures beside or below each other: whichever way they are larger. */
function arrange() {
  const { clientWidth: wide, clientHeight: high } = $('panes');
  const [width, height] = stage.size;
  const beside = Math.min(wide / 2 / width, (high - 36) / height);
  const below = Math.min(wide / width, (high / 2 - 42) / height);
  $('panes').classList.toggle('below', below > beside);
}
new ResizeObserver(arrange).observe($('panes'));

for (const name of Object.keys(SIZES)) $('preset').append(new Option(name));
$('preset').append(new Option('another', ''));
$('preset').addEventListener('change', () => { if (SIZES[$('preset').value]) resize(SIZES[$('preset').value]); });
for (const id of ['width', 'height']) $(id).addEventListener('change', () => resize([Number($('width').value), Number($('height').value)]));
for (const id of ['parameters', 'type', 'language']) $(id).addEventListener('change', () => load());
$('reload').addEventListener('click', () => load());
$('render').addEventListener('click', () => mixers.render());
$('auto').addEventListener('change', () => soon());

// ---- conference -----------------------------------------------------------------------------------

conference.addEventListener('events', ({ detail }) => {
  stage.tell({ mixer: 'apply', events: detail });
  show();
  const isSpeech = detail.every(({ type }) => type === 'participant.speaking');
  hasSpoken ||= isSpeech;
  // Speech alone ends no picture that is being made, and gives no second try to a page that failed.
  if (!isSpeech || (waiting === 0 && !mixers.isBusy && !mixers.hasFailed)) soon();
});

function show() {
  const { people } = conference;
  showPeople($('people'), people, act);
  $('count').value = people.length;
  $('count-told').textContent = people.length;
  $('share').setAttribute('aria-pressed', people.some(({ id }) => conference.stream(id, 'ScreenShare')));
  const kind = conference.presenting?.kind;
  $('file').textContent = kind === 'file' ? `Page ${conference.presenting.page + 1}: next` : 'Share file';
  for (const one of ['file', 'video']) $(one).setAttribute('aria-pressed', kind === one);
  for (const button of document.querySelectorAll('[data-all]')) button.setAttribute('aria-pressed', allHave(button.dataset.all));
}

const allHave = (what) => conference.people.some(({ id }) => {
  const camera = conference.stream(id, 'Camera');
  return what === 'camera' ? camera?.video?.available : camera?.audio && !camera.audio.muted;
});

function act(name, id, on) {
  if (name === 'camera') conference.camera([id], on);
  if (name === 'microphone') conference.microphone([id], on);
  if (name === 'share') conference.share(id, on);
  if (name === 'leave') conference.leave(id);
  if (name === 'speak') { $('talk').value = 'off'; conference.speak(on ? [...speaking(), id] : speaking().filter((one) => one !== id)); }
}

const speaking = () => conference.people.filter((one) => one.speaking).map(({ id }) => id);
const ids = () => conference.people.map(({ id }) => id);
const sharer = () => conference.people.find(({ id }) => conference.stream(id, 'ScreenShare'));

function share() {
  const now = sharer();
  if (now) conference.share(now.id, false);
  else if (ids().length) conference.share(ids()[0], true);
}

$('count').addEventListener('input', () => conference.count(Number($('count').value), $('names').value));
$('names').addEventListener('change', () => conference.rename($('names').value));
$('join').addEventListener('click', () => conference.join($('names').value));
$('listener').addEventListener('click', () => conference.listener($('names').value));
$('share').addEventListener('click', share);
$('file').addEventListener('click', () => {
  const now = conference.presenting;
  if (now?.kind !== 'file') { if (ids().length) conference.present('file', ids()[0]); } else if (now.page === now.pages.length - 1) conference.present(null);
  else conference.turn();
});
$('video').addEventListener('click', () => {
  if (conference.presenting?.kind === 'video') conference.present(null);
  else if (ids().length) conference.present('video', ids()[0]);
});
for (const button of document.querySelectorAll('[data-all]')) {
  button.addEventListener('click', () => conference[button.dataset.all](ids(), !allHave(button.dataset.all)));
}

let turn = 0;
let talked = 0;
setInterval(() => {
  if (player.script && !player.takingDown) return; // the script says who speaks
  const way = $('talk').value;
  if (performance.now() - talked < (TALK_MS[way] ?? 500)) return;
  talked = performance.now();
  if (way === 'all') conference.speak(ids());
  if (way === 'off' || way === 'all') return;
  turn += 1;
  const people = conference.people.filter(({ type }) => type !== 'listener');
  conference.speak(people.length ? [people[turn % people.length].id] : []);
}, 100);
$('talk').addEventListener('change', () => { if ($('talk').value === 'off') conference.speak([]); });

let churning = 0;
$('churn').addEventListener('click', () => {
  const on = $('churn').getAttribute('aria-pressed') !== 'true';
  $('churn').setAttribute('aria-pressed', on);
  clearInterval(churning);
  let leaves = false;
  if (on) {
    churning = setInterval(() => {
      const last = ids().at(-1);
      if (leaves && last) conference.leave(last); else conference.join($('names').value);
      leaves = !leaves;
    }, CHURN_MS);
  }
});

// ---- scripts --------------------------------------------------------------------------------------

player.addEventListener('reset', () => {
  stage.tell({ mixer: 'reset', state: conference.state, t: player.seconds, playing: player.playing });
  show();
  soon();
});
player.addEventListener('clock', () => stage.tell({ mixer: 'clock', t: player.seconds, playing: player.playing }));
$('record').addEventListener('click', () => player.takeDown(!player.takingDown));
$('play').addEventListener('click', () => player.toggle());
$('time').addEventListener('input', () => { if (player.script) player.seek(Number($('time').value), false); });
$('load').addEventListener('click', () => $('script-file').click());
$('script-file').addEventListener('change', async () => {
  const [file] = $('script-file').files;
  if (!file) return;
  try {
    const script = JSON.parse(await file.text());
    if (script.format !== 'mixer-preview-script') throw new Error('it has no "format": "mixer-preview-script"');
    take(script);
  } catch (error) { problems.tell('error', `${file.name} is no script: ${error.message}`); }
  $('script-file').value = '';
});
$('save').addEventListener('click', () => {
  if (player.takingDown) player.takeDown(false);
  const script = { ...player.script, size: stage.size, parameters: new URLSearchParams(parameters()).toString() };
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([JSON.stringify(script, null, 1)], { type: 'application/json' }));
  link.download = 'preview-script.json';
  link.click();
});

function take(script) {
  if (script.parameters) $('parameters').value = lines(script.parameters);
  player.load(script);
  if (Array.isArray(script.size)) resize(script.size); else load();
}

const lines = (query) => [...new URLSearchParams(query)].map((pair) => pair.join('=')).join('\n');

setInterval(() => {
  const { script, takingDown, playing } = player;
  $('record').setAttribute('aria-pressed', takingDown);
  $('record').textContent = takingDown ? 'Stop' : 'Take down';
  $('play').textContent = playing ? 'Pause' : 'Play';
  $('save').disabled = !script;
  $('time').disabled = !script || takingDown;
  $('time').max = script ? Math.max(player.duration, takingDown ? player.seconds : 0) : 0;
  if (document.activeElement !== $('time') || playing) $('time').value = player.seconds;
  $('time-told').textContent = `${player.seconds.toFixed(1)}${script ? ` of ${Number($('time').max).toFixed(1)}` : ''} s`;
}, 200);

// ---- keys, changes on disk ------------------------------------------------------------------------

function shortcut(key) {
  const count = conference.people.length;
  if (key === '+' || key === '=') conference.count(Math.min(50, count + 1), $('names').value);
  else if (key === '-' || key === '−') conference.count(Math.max(0, count - 1), $('names').value);
  else if (key === 's') share();
  else if (key === 'r') mixers.render();
  else if (key === 'l') load();
  else if (key === ' ') player.toggle();
  else return false;
  return true;
}
document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest('input:not([type=range], [type=checkbox]), textarea, select')) return;
  if (event.key === ' ' && event.target.closest('button, input')) return;
  if (shortcut(event.key)) event.preventDefault();
});
new EventSource('/api/changes').addEventListener('message', () => load(0));

$('layout').textContent = /^https?:/.test(subject.layout) ? subject.layout : subject.layout.replace(/\/$/, '').split('/').at(-1);
$('layout').title = subject.layout;
document.title = `${subject.layout} · Layout preview`;
$('parameters').value = lines(subject.path.split('?')[1] ?? '');
if (subject.script) take(subject.script);
else conference.count(4, 'plain');
if (!subject.script?.size) resize(stage.size);
