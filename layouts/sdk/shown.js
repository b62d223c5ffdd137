/**
 * Layout SDK: who and what of the state is to be shown: `participants`, `camera()`, `share`, `find()`.
 */
(() => {
  'use strict';
  const layout = window.mixerLayout;
  if ('find' in layout) return;

  const SHARED = ['ScreenShare', 'VideoPresentation'];
  const sends = ({ streams }) => streams.some(({ audio, video }) => audio !== null || video !== null);
  const seen = ({ video }) => video !== null && video.available && !video.muted;

  function isShown(participant) {
    if (participant.type === 'mixer' || participant.status === 'left') return false;
    if (participant.type === 'listener' || participant.status === 'connecting') return sends(participant);
    return true;
  }

  const camera = ({ streams }) => streams.find((stream) => stream.type === 'Camera' && seen(stream)) ?? null;
  const participants = () => layout.state.participants.filter(isShown);

  /** All that is shared and can be seen now, what is to be shown first. */
  function shares() {
    const all = layout.state.participants.flatMap((participant) => participant.streams
      .filter((stream) => SHARED.includes(stream.type) && seen(stream))
      .map((stream) => ({ participant, stream })));
    const rank = ({ stream }) => (stream.id === layout.presentation?.streamId ? Infinity : stream.startedAt ?? 0);
    return all.reverse().sort((a, b) => (rank(a) === rank(b) ? 0 : rank(b) - rank(a)));
  }

  const ofParticipant = (participant) => (participant ? { participant, stream: camera(participant) } : null);

  /** Who presents a file or a video, else who shares the newest screen. */
  function presenter() {
    const byId = (wanted) => layout.state.participants.find(({ id }) => id === wanted);
    return byId(layout.presentation?.ownerId) ?? shares()[0]?.participant;
  }

  /** `which`: speaker, share, presenter, a participant's id, or a place in the order of joining. */
  function find(which) {
    const name = String(which ?? '');
    if (name === 'speaker') return ofParticipant(layout.activeSpeaker);
    if (name === 'share') return shares()[0] ?? null;
    if (name === 'presenter') return ofParticipant(presenter());
    const byId = layout.state.participants.find(({ id }) => id === name);
    return ofParticipant(byId ?? (/^\d+$/.test(name) ? participants()[Number(name)] : null));
  }

  Object.defineProperties(layout, {
    participants: { enumerable: true, get: participants },
    share: { enumerable: true, get: () => shares()[0] ?? null },
    camera: { value: camera },
    find: { value: find },
  });
  layout.host.touched = false;
})();
