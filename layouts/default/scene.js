/**
 * What is shown where: a pure function of the conference's state and the page's size.
 *
 * A scene is {mode, tiles}; a tile {key, kind, box, …} in the page's pixels, painted in order.
 *   voices   nobody has a camera: avatars on a blank page
 *   cameras  a grid of cameras, avatars for those without
 *   share    the shared screen over the whole page, the presenter's camera in the corner
 */
'use strict';

const Scene = (() => {
  const MOST_TILES = 25;
  const MOST_THUMBNAILS = 4;
  const MOST_LATE_SPEAKERS = 3; // beyond the grid, they take the last places while they speak
  const LEAST_KEPT = 0.45; // of a camera picture; less: show it whole

  const { even, clamp } = Grid;

  // ---- who and what ---------------------------------------------------------------------------

  const sends = ({ streams }) => streams.some(({ audio, video }) => audio !== null || video !== null);
  const seen = ({ video }) => video !== null && video.available && !video.muted;
  const audible = ({ streams }) =>
    streams.some(({ type, audio }) => type === 'Camera' && audio !== null && !audio.muted);

  function isShown(participant) {
    if (participant.type === 'mixer' || participant.status === 'left') return false;
    if (participant.type === 'listener' || participant.status === 'connecting') return sends(participant);
    return true;
  }

  function visibleStreams(participant, type) {
    return participant.streams.filter((stream) => stream.type === type && seen(stream));
  }

  /** What a tile says about its participant. */
  function person(participant) {
    const name = People.cleanName(participant.name);
    return {
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

  /** One face for each camera of a participant, or one avatar. */
  function faces(participant) {
    const cameras = visibleStreams(participant, 'Camera');
    if (cameras.length > 0) {
      return cameras.map((stream, index) => cameraFace(participant, stream, index === 0));
    }
    return [{ key: `participant ${participant.id}`, kind: 'avatar', stream: null, ...person(participant) }];
  }

  /** All shared screens, the newest first. */
  function shares(participants) {
    const all = participants.flatMap((participant) =>
      visibleStreams(participant, 'ScreenShare').map((stream) => ({ participant, stream })));
    return all.reverse().sort((a, b) => (b.stream.startedAt ?? 0) - (a.stream.startedAt ?? 0));
  }

  /** At most MOST_TILES faces; where there are more: cameras first, speakers in, the rest counted. */
  function chosen(everybody) {
    if (everybody.length <= MOST_TILES) return everybody;
    const isCamera = ({ kind }) => kind === 'camera';
    const ranked = [...everybody.filter(isCamera), ...everybody.filter((face) => !isCamera(face))];
    const places = MOST_TILES - 1;
    const late = ranked.slice(places).filter(({ speaking }) => speaking).slice(0, MOST_LATE_SPEAKERS);
    const shown = [...ranked.slice(0, places - late.length), ...late];
    return [...shown, { key: 'more', kind: 'more', stream: null, count: everybody.length - shown.length }];
  }

  // ---- where ----------------------------------------------------------------------------------

  /** Measures of a page that follow from its size, pixels. */
  function measures({ width, height }) {
    const short = Math.min(width, height);
    return {
      page: { x: 0, y: 0, width: even(width), height: even(height) },
      short,
      gap: Math.max(4, even(short / 80)),
      ring: Math.max(2, Math.round(short / 270)),
    };
  }

  function inside(box, margin) {
    return {
      x: box.x + margin, y: box.y + margin, width: box.width - 2 * margin, height: box.height - 2 * margin,
    };
  }

  function textSize(box, short) {
    return Math.round(clamp(Math.max(11, short / 64), box.height / 18, Math.max(12, short / 38)));
  }

  const aspectOf = ({ video }) => (video.width > 0 && video.height > 0 ? video.width / video.height : 0);

  /** Where in its tile a picture lies: all over it, or whole with bars if too much were cut off. */
  function pictureBox(stream, box, isWhole) {
    const aspect = aspectOf(stream);
    const isCover = aspect === 0 || Grid.kept(aspect, box.width / box.height) >= LEAST_KEPT;
    const whole = { x: 0, y: 0, width: box.width, height: box.height };
    if (aspect === 0) return { ...whole, fit: isWhole ? 'contain' : 'cover' };
    if (isCover && !isWhole) return { ...whole, fit: 'cover' };
    return { ...Grid.contained(aspect, whole), fit: 'contain' };
  }

  function tile(face, box, { short, ring }, look) {
    return {
      ...face,
      streamId: face.stream?.id ?? null,
      picture: face.stream === null ? null : pictureBox(face.stream, box, face.kind === 'share'),
      box,
      ring,
      radius: look.isFull ? 0 : Math.round(clamp(4, Math.min(box.width, box.height) / 26, short / 76)),
      text: textSize(box, short),
      disc: even(Math.min(box.width, box.height) * look.disc),
      look: look.name,
      isLabelled: look.isLabelled ?? true,
    };
  }

  // ---- the modes ------------------------------------------------------------------------------

  function voices(all, sizes) {
    const area = inside(sizes.page, 4 * sizes.gap);
    const shape = { slimmest: 0.9, widest: 1.1, ideal: 1, largest: even(sizes.short * 0.46) };
    const cells = Grid.boxes(all.length, area, 2 * sizes.gap, shape);
    return all.map((face, index) => tile(face, cells[index], sizes, { name: 'voice', disc: 0.64 }));
  }

  /** Whether a single face takes the whole page: not a wide picture on a slim page. */
  function fillsPage(face, { page }) {
    const aspect = (face.stream === null ? 0 : aspectOf(face.stream)) || Grid.WIDEST;
    const pageAspect = page.width / page.height;
    return aspect <= pageAspect || Grid.kept(aspect, pageAspect) >= LEAST_KEPT;
  }

  function cameras(all, sizes) {
    if (all.length === 1 && fillsPage(all[0], sizes)) {
      return [tile(all[0], sizes.page, sizes, { name: 'full', disc: 0.36, isFull: true })];
    }
    const cells = Grid.boxes(all.length, inside(sizes.page, sizes.gap), sizes.gap);
    return all.map((face, index) => tile(face, cells[index], sizes, { name: 'cell', disc: 0.42 }));
  }

  /** Boxes from the lower right corner to the left, of these aspects and about equal area. */
  function thumbnailBoxes(aspects, { page, gap, short }) {
    const isPortrait = page.height > page.width;
    const width = isPortrait ? page.width * 0.42 : Math.min(page.width * 0.2, short * 0.36);
    let right = page.width - 2 * gap;
    return aspects.map((aspect) => {
      const shape = clamp(3 / 4, aspect || Grid.WIDEST, Grid.WIDEST);
      const height = even(Math.sqrt((width * width) / Grid.WIDEST / shape));
      const box = { width: even(height * shape), height };
      right -= box.width + gap;
      return { x: even(right + gap), y: even(page.height - 2 * gap - height), ...box };
    }).filter(({ x }) => x >= gap);
  }

  function share(all, presenters, sizes) {
    const [{ participant, stream }, ...others] = presenters;
    const own = visibleStreams(participant, 'Camera').slice(0, 1)
      .map((camera) => cameraFace(participant, camera, true));
    const asFace = (one) =>
      ({ key: `stream ${one.stream.id}`, kind: 'share', stream: one.stream, ...person(one.participant) });
    const small = [...own, ...others.map(asFace)].slice(0, MOST_THUMBNAILS);
    const places = thumbnailBoxes(small.map((face) => aspectOf(face.stream)), sizes);
    const look = { name: 'full', disc: 0, isFull: true, isLabelled: own.length === 0 };
    return [
      tile(asFace({ participant, stream }), sizes.page, sizes, look),
      ...places.map((box, index) => tile(small[index], box, sizes, { name: 'thumbnail', disc: 0 })),
    ];
  }

  /** The scene of a state on a page of {width, height} pixels. */
  function of(state, size) {
    const sizes = measures(size);
    const people = state.participants.filter(isShown);
    const presenters = shares(people);
    const all = chosen(people.flatMap(faces));
    if (presenters.length > 0) return { mode: 'share', tiles: share(all, presenters, sizes) };
    if (all.some(({ kind }) => kind === 'camera')) return { mode: 'cameras', tiles: cameras(all, sizes) };
    return { mode: 'voices', tiles: voices(all, sizes) };
  }

  return { of };
})();
