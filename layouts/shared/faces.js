/** Who is to be seen, and with what: participants as faces, their cameras and what they share. */
'use strict';

const Faces = (() => {
  const MOST_LATE_SPEAKERS = 3; // beyond what fits, they take the last places while they speak

  const SHARED = ['ScreenShare', 'VideoPresentation'];

  const sends = ({ streams }) => streams.some(({ audio, video }) => audio !== null || video !== null);
  const seen = ({ video }) => video !== null && video.available && !video.muted;
  const audible = ({ streams }) =>
    streams.some(({ type, audio }) => type === 'Camera' && audio !== null && !audio.muted);
  const isCamera = ({ kind }) => kind === 'camera';

  function isShown(participant) {
    if (participant.type === 'mixer' || participant.status === 'left') return false;
    if (participant.type === 'listener' || participant.status === 'connecting') return sends(participant);
    return true;
  }

  /** The participants that are shown at all, in the order of joining. */
  const people = ({ participants }) => participants.filter(isShown);

  function visibleStreams(participant, type) {
    return participant.streams.filter((stream) => stream.type === type && seen(stream));
  }

  /** Width by height of a face's picture; 0 while that is not known. */
  function aspectOf({ stream, sheet }) {
    const { width, height } = stream?.video ?? sheet ?? {};
    return width > 0 && height > 0 ? width / height : 0;
  }

  /** What a tile says about its participant. */
  function person(participant) {
    const name = People.cleanName(participant.name);
    return {
      id: participant.id,
      name,
      initials: People.initials(name),
      colour: People.colour(participant.id),
      avatarUrl: participant.avatarUrl || '',
      muted: !audible(participant),
      speaking: participant.speaking,
    };
  }

  function cameraFace(participant, stream, isFirst) {
    const key = isFirst ? `participant ${participant.id}` : `stream ${stream.id}`;
    return { key, kind: 'camera', stream, ...person(participant) };
  }

  function avatarFace(participant) {
    return { key: `participant ${participant.id}`, kind: 'avatar', stream: null, ...person(participant) };
  }

  /** One face for each camera of a participant, or one avatar. */
  function faces(participant) {
    const cameras = visibleStreams(participant, 'Camera');
    if (cameras.length === 0) return [avatarFace(participant)];
    return cameras.map((stream, index) => cameraFace(participant, stream, index === 0));
  }

  /** The page of a shared file that is shown now, [] if none is. */
  function sheets(people, presentation) {
    const sheet = presentation?.kind === 'file' ? presentation.pages[presentation.page] : undefined;
    const owner = people.find(({ id }) => id === presentation?.ownerId);
    if (sheet === undefined || owner === undefined) return [];
    return [{ key: `presentation ${presentation.id}`, kind: 'share', stream: null, sheet, ...person(owner) }];
  }

  /** A card with its name where a presented video has no picture (yet), [] if it has one. */
  function cards(people, presentation) {
    const owner = people.find(({ id }) => id === presentation?.ownerId);
    if (presentation?.kind !== 'video' || owner === undefined) return [];
    if (owner.streams.some((stream) => stream.id === presentation.streamId && seen(stream))) return [];
    const caption = People.cleanName(presentation.name);
    return [{ key: `presentation ${presentation.id}`, kind: 'share', stream: null, caption, ...person(owner) }];
  }

  /** All that is shared: a file or a video that is presented, then screens, the newest first. */
  function shares({ presentation }, people) {
    const all = people.flatMap((participant) =>
      SHARED.flatMap((type) => visibleStreams(participant, type)).map((stream) => ({
        key: `stream ${stream.id}`, kind: 'share', stream, ...person(participant),
      })));
    const rank = ({ stream: { id, startedAt } }) =>
      (id === presentation?.streamId ? Number.MAX_VALUE : startedAt ?? 0);
    const presented = [...sheets(people, presentation), ...cards(people, presentation)];
    return [...presented, ...all.reverse().sort((a, b) => rank(b) - rank(a))];
  }

  /** At most `most` faces; where there are more: cameras first, speakers in, the rest counted. */
  function chosen(everybody, most) {
    if (everybody.length <= most) return everybody;
    const ranked = [...everybody.filter(isCamera), ...everybody.filter((face) => !isCamera(face))];
    const places = Math.max(0, most - 1);
    const late = ranked.slice(places).filter(({ speaking }) => speaking)
      .slice(0, Math.min(MOST_LATE_SPEAKERS, places));
    const shown = [...ranked.slice(0, places - late.length), ...late];
    return [...shown, { key: 'more', kind: 'more', stream: null, count: everybody.length - shown.length }];
  }

  /** At most `most` faces beside the newest shared screen: who shares it, older shares, the others. */
  function company(all, [newest, ...older], most) {
    if (newest === undefined || most < 3) return chosen(all, most);
    const presenter = all.find(({ id }) => id === newest.id);
    const kept = older.slice(0, most - 2);
    return [presenter, ...kept, ...chosen(all.filter((face) => face !== presenter), most - 1 - kept.length)];
  }

  return { people, faces, avatarFace, shares, chosen, company, isCamera, aspectOf };
})();
