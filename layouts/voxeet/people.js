/**
 * Participants and streams as the stand-in's pages know them, kept in step with the layout SDK's state.
 *
 * A page hears of a participant before it hears of the participant's streams, and of a stream's removal
 * before it hears that its participant has left: pages throw otherwise. Who has left stays in the map.
 */

const STATUSES = { connecting: 'Connecting', connected: 'Connected', left: 'Left' };
const IN_CONFERENCE = ({ type, status }) => type !== 'mixer' && status !== 'left';

class Participant {
  constructor(id) {
    Object.assign(this, { id, info: {}, status: 'Connecting', type: 'user', metadata: {}, streams: [],
      active: false, audioTransmitting: false, videoTransmitting: false, audioReceivingFrom: true });
  }
}

const sendsPicture = ({ video }) => video !== null && !video.muted;

/** What a page can tell of a stream: '' while there is nothing of it. A screen is there or is not. */
function shapeOf(stream) {
  const picture = sendsPicture(stream);
  if (stream.type === 'ScreenShare') return picture ? 'ScreenShare picture' : '';
  if (stream.type !== 'Camera' || (!picture && stream.audio === null)) return '';
  return `Camera${picture ? ' picture' : ''}${stream.audio === null ? '' : ' sound'}`;
}

/** A MediaStream of that shape. Its sound is silence: the mixer mixes the sound, pages never play it. */
function mediaOf(stream, shape) {
  const media = new MediaStream();
  if (shape.includes('picture')) {
    for (const track of layout.mediaStream(stream.id).getVideoTracks()) media.addTrack(track);
  }
  if (shape.includes('sound') && typeof MediaStreamTrackGenerator === 'function') {
    media.addTrack(new MediaStreamTrackGenerator({ kind: 'audio' }));
  }
  Object.defineProperties(media, {
    id: { value: stream.id, enumerable: true }, // the browser's own are by chance
    type: { value: stream.type, enumerable: true },
  });
  return media;
}

class People {
  map = new Map(); // id -> Participant
  #told = new Set(); // ids of participants of whom the page has heard
  #streams = new Map(); // stream id -> {participant, media, shape}
  #type = null;

  /** Everybody is in the map from now on. `type`: what they are told to be, null for what they are. */
  enter(type) {
    this.#type = type;
    for (const one of layout.state.participants.filter(IN_CONFERENCE)) this.#describe(one);
  }

  /** Tells what has changed since the last time, in the order that pages rely on. */
  update(tell) {
    const present = layout.state.participants.filter(IN_CONFERENCE);
    const ids = new Set(present.map(({ id }) => id));
    for (const participant of this.map.values()) {
      if (!ids.has(participant.id) && participant.status !== 'Left') this.#leave(participant, tell);
    }
    for (const one of present) {
      const isNew = !this.#told.has(one.id);
      const hasChanged = this.#describe(one);
      this.#told.add(one.id);
      if (isNew) tell('participantAdded', this.map.get(one.id));
      else if (hasChanged) tell('participantUpdated', this.map.get(one.id));
      this.#updateStreams(one, tell);
    }
  }

  /** True if the page can see that something about the participant has changed. */
  #describe(one) {
    if (!this.map.has(one.id)) this.map.set(one.id, new Participant(one.id));
    const participant = this.map.get(one.id);
    const { id, name, externalId, avatarUrl } = one;
    const sent = one.streams.filter(({ type }) => type !== 'VideoPresentation');
    const told = {
      info: { name, externalId, avatarUrl },
      status: STATUSES[one.status] ?? 'Connected',
      type: this.#type ?? one.type,
      metadata: { externalId, externalName: name, externalPhotoUrl: avatarUrl, userId: id },
      audioTransmitting: sent.some(({ audio }) => audio !== null && !audio.muted),
      videoTransmitting: sent.some(sendsPicture),
    };
    const hasChanged = Object.entries(told)
      .some(([key, value]) => JSON.stringify(participant[key]) !== JSON.stringify(value));
    if (hasChanged) Object.assign(participant, told);
    participant.active = one.speaking;
    return hasChanged;
  }

  #updateStreams(one, tell) {
    const participant = this.map.get(one.id);
    const shapes = new Map(one.streams.map((stream) => [stream.id, shapeOf(stream)]));
    for (const [id, known] of this.#streams) {
      if (known.participant === participant && !shapes.get(id)) this.#remove(id, tell);
    }
    for (const stream of one.streams) {
      const shape = shapes.get(stream.id);
      const known = this.#streams.get(stream.id);
      if (shape === '' || known?.shape === shape) continue;
      const media = mediaOf(stream, shape);
      participant.streams = [...participant.streams.filter((other) => other !== known?.media), media];
      this.#streams.set(stream.id, { participant, media, shape });
      tell(known ? 'streamUpdated' : 'streamAdded', participant, media);
    }
  }

  #remove(id, tell) {
    const { participant, media } = this.#streams.get(id);
    this.#streams.delete(id);
    participant.streams = participant.streams.filter((other) => other !== media);
    tell('streamRemoved', participant, media);
  }

  #leave(participant, tell) {
    for (const [id, known] of this.#streams) if (known.participant === participant) this.#remove(id, tell);
    Object.assign(participant, { status: 'Left', active: false, audioTransmitting: false, videoTransmitting: false });
    tell('participantUpdated', participant);
  }
}
