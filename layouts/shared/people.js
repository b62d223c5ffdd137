/** What stands for a person without a picture: a clean name, initials, a colour. */
'use strict';

const People = (() => {
  // Control characters, and those that turn the direction of text beyond the name's own end.
  const UNSEEN = /[\p{Cc}\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]+/gu;
  const LONGEST_NAME = 120; // characters; no label is that wide
  const LEADING_MARKS = /^[^\p{L}\p{N}\p{Extended_Pictographic}\p{Regional_Indicator}]+/u;
  // Scripts where one sign stands for a name, or where letters put together would join to a word.
  const ONE_SIGN = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Devanagari}\p{Script=Bengali}\p{Script=Tamil}\p{Script=Thai}\p{Extended_Pictographic}\p{Regional_Indicator}]/u;
  const COLOURS = [
    '#3f6296', '#2f7280', '#3c7561', '#5d7044', '#84662f', '#95573d', '#97505c', '#8a4e7d', '#6f569c',
    '#53609f', '#47707f', '#6d6a5c',
  ];
  const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

  /** A participant's name as one line of text; may be empty. */
  function cleanName(name) {
    return String(name ?? '').replace(/\s+/gu, ' ').replace(UNSEEN, '').trim().slice(0, LONGEST_NAME)
      .toWellFormed();
  }

  function firstGrapheme(word) {
    for (const { segment } of graphemes.segment(word)) return segment;
    return '';
  }

  /** One or two signs for a clean name; empty if it has neither letter, digit nor emoji. */
  function initials(name) {
    const words = name.split(' ').map((word) => word.replace(LEADING_MARKS, '')).filter(Boolean);
    if (words.length === 0) return '';
    const first = firstGrapheme(words[0]);
    const last = words.length > 1 ? firstGrapheme(words[words.length - 1]) : '';
    const single = ONE_SIGN.test(first) || ONE_SIGN.test(last);
    return (single ? first : first + last).toUpperCase();
  }

  /** A colour for an id: the same in every recording (FNV-1a). */
  function colour(id) {
    let hash = 0x811c9dc5;
    for (const byte of new TextEncoder().encode(id)) hash = Math.imul(hash ^ byte, 0x01000193);
    return COLOURS[(hash >>> 8) % COLOURS.length];
  }

  return { cleanName, initials, colour };
})();
