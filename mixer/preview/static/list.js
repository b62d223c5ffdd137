/** Everybody in the conference, a row each, with what can be done to them. */

const ICONS = {
  camera: '<rect x="3" y="7" width="12" height="10" rx="2"/><path d="m15 11 6-3v8l-6-3"/>',
  microphone: '<rect x="9" y="3" width="6" height="11" rx="3"/><path d="M5 11a7 7 0 0 0 14 0M12 18v3"/>',
  speak: '<path d="M4 10v4h4l5 4V6l-5 4zM17 9a4 4 0 0 1 0 6"/>',
  share: '<rect x="3" y="4" width="18" height="13" rx="2"/><path d="M12 14V8m-3 3 3-3 3 3M8 21h8"/>',
  leave: '<path d="M6 6l12 12M18 6 6 18"/>',
};
const WORDS = { camera: 'Camera', microphone: 'Microphone', speak: 'Speaks', share: 'Shares a screen', leave: 'Leaves' };

function rowOf(id, act) {
  const row = document.createElement('li');
  row.dataset.id = id;
  row.append(document.createElement('span'));
  for (const [name, icon] of Object.entries(ICONS)) {
    const button = document.createElement('button');
    button.dataset.act = name;
    button.innerHTML = `<svg viewBox="0 0 24 24" aria-hidden="true">${icon}</svg>`;
    button.addEventListener('click', () => act(name, id, button.getAttribute('aria-pressed') !== 'true'));
    row.append(button);
  }
  return row;
}

const has = (participant, act) => {
  const camera = participant.streams.find(({ type }) => type === 'Camera');
  if (act === 'camera') return camera?.video?.available ?? false;
  if (act === 'microphone') return camera?.audio ? !camera.audio.muted : false;
  if (act === 'speak') return participant.speaking;
  return participant.streams.some(({ type }) => type === 'ScreenShare');
};

/** Brings the list up to date; rows of those who stay are kept, and with them the focus. */
export function showPeople(list, people, act) {
  const rows = new Map([...list.children].map((row) => [row.dataset.id, row]));
  for (const [id, row] of rows) if (!people.some((one) => one.id === id)) row.remove();
  for (const participant of people) {
    const row = rows.get(participant.id) ?? list.appendChild(rowOf(participant.id, act));
    const name = row.querySelector('span');
    name.textContent = participant.name + (participant.type === 'listener' ? ' (listens)' : '');
    name.title = `${participant.name}, ${participant.id}`;
    for (const button of row.querySelectorAll('button')) {
      const word = `${participant.name}: ${WORDS[button.dataset.act]}`;
      button.title = WORDS[button.dataset.act];
      button.setAttribute('aria-label', word);
      if (button.dataset.act !== 'leave') button.setAttribute('aria-pressed', has(participant, button.dataset.act));
    }
  }
}
