/** Names for simulated people, and what they send; pure. */

const PLAIN = ['Ada Lovelace', 'Grace Hopper', 'Edsger Dijkstra', 'Barbara Liskov', 'Donald Knuth', 'Frances Allen',
  'Alan Turing', 'Radia Perlman', 'Ken Thompson', 'Jean Bartik', 'Tony Hoare', 'Sophie Wilson'];
const LONG = ['Dr. Maximiliane-Henriette von Hohenstein-Waldburg-Zeil', 'Wolfeschlegelsteinhausenbergerdorff',
  'Jean-Baptiste Emmanuel de La Rochefoucauld-Liancourt', 'Krung Thep Mahanakhon Amon Rattanakosin (Facilities, 3rd floor)'];
const RTL = ['عائشة بنت أحمد', 'יוסף בן־גוריון', 'محمد رضا شجریان', 'שירה לוי (Haifa)'];
const CJK = ['山田 太郎', '김민준', '王小明', '佐藤 さくら', '欧阳修远'];
const EMOJI = ['Zoë 🦊', '👩🏽‍💻 Priya', 'Team 🇫🇮🇳🇴', '🎧 DJ 🎛️ Ñandú'];
const KINDS = { plain: PLAIN, long: LONG, rtl: RTL, cjk: CJK, emoji: EMOJI };
KINDS.mixed = PLAIN.flatMap((name, index) => [name, [LONG, RTL, CJK, EMOJI][index % 4][index % 4]]);

export function nameOf(kind, place) {
  const names = KINDS[kind] ?? PLAIN;
  const round = Math.floor(place / names.length);
  return names[place % names.length] + (round ? ` ${round + 1}` : '');
}

const picture = (width, height) => ({ muted: false, width, height, available: true });

export const camera = (id, microphone = true, video = true) => ({
  id: `${id}.camera`, type: 'Camera', audio: microphone ? { muted: false } : null, video: video ? picture(640, 360) : null,
});

export const screen = (id) => ({ id: `${id}.screen`, type: 'ScreenShare', audio: null, video: picture(1280, 720) });

export const video = (id) => ({ id: `${id}.video`, type: 'VideoPresentation', audio: { muted: false }, video: picture(1280, 720) });

export const person = (place, kind) => ({
  id: `p${place}`, externalId: `external-${place}`, name: nameOf(kind, place), avatarUrl: '', type: 'user', status: 'connected',
  speaking: false, streams: [camera(`p${place}`)],
});

/** A page of a shared file, drawn. */
export function filePage(number) {
  const text = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1414 1000"><rect width="1414" height="1000" fill="#fffdf8"/>
<rect width="1414" height="22" fill="#2a6f77"/><text x="90" y="190" font-size="92" font-family="sans-serif" fill="#22303c">Page ${number}</text>
${[0, 1, 2, 3, 4].map((line) => `<rect x="90" y="${330 + 90 * line}" width="${1100 - 130 * ((line + number) % 3)}" height="30" rx="6" fill="#cfd6d8"/>`).join('')}</svg>`;
  return { url: `data:image/svg+xml,${encodeURIComponent(text)}`, width: 1414, height: 1000 };
}
