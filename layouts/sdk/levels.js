/**
 * Layout SDK: `mixerLayout.level(participant)`, how loud somebody speaks, for meters and halos.
 *
 * 0 for silence, 1 to 5 for speech. A page that asks once is told by 'change' (without events) when
 * anybody's level is another one, five times a second at most; a page that never asks is not woken.
 * Levels follow from the recording: they are the same in every rendering.
 */
(() => {
  'use strict';
  const layout = window.mixerLayout;
  if ('level' in layout) return;

  const LEAST = 1;
  const MOST = 5;
  const USUAL = 3; // of a voice whose loudness is not known
  const { host } = layout;
  let heard = {}; // participant id -> 0 to 5

  function levelOf({ id, speaking }) {
    if (!speaking) return 0;
    return Math.min(MOST, Math.max(LEAST, Number(Object.hasOwn(heard, id) ? heard[id] : USUAL) || 0));
  }

  const levels = () => layout.state.participants.map(levelOf).join();

  host.hear = (told) => {
    const before = levels();
    heard = { ...told };
    if (levels() === before) return;
    layout.dispatchEvent(
      new CustomEvent('change', { detail: Object.freeze({ events: Object.freeze([]), reset: false }) }));
  };
  Object.defineProperty(layout, 'level', {
    enumerable: true,
    value(participant) {
      host.wantsLevels = true;
      return participant ? levelOf(participant) : 0;
    },
  });
  layout.host.touched = false;
})();
