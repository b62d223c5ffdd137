// The reducer of conference events, the same as mixer/conference/state.py (docs/conference-state.md).
// Pure: gives a new state and shares with the old one what has not changed.

export function emptyState(alias = '') {
  return {
    conference: { id: '', alias },
    participants: [],
    recording: { active: false, startedAt: null },
  };
}

export function apply(state, type, data) {
  const reduce = reducers[type];
  return reduce ? reduce(state, data) : state;
}

// Every stream with its participant: [{participant, stream}].
export function allStreams(state) {
  return state.participants.flatMap((participant) =>
    participant.streams.map((stream) => ({ participant, stream })),
  );
}

const reducers = {
  'conference.updated': (state, { conference }) => ({
    ...state,
    conference: { ...state.conference, ...conference },
  }),
  'participant.added': (state, { participant }) =>
    state.participants.some((p) => p.id === participant.id)
      ? withParticipant(state, participant.id, () => participant)
      : { ...state, participants: [...state.participants, participant] },
  'participant.updated': (state, data) => withParticipant(state, data.id, (p) => ({ ...p, ...data })),
  'participant.removed': (state, { id }) => ({
    ...state,
    participants: state.participants.filter((p) => p.id !== id),
  }),
  'participant.speaking': (state, { id, speaking }) =>
    withParticipant(state, id, (p) => ({ ...p, speaking })),
  'stream.added': (state, { participantId, stream }) =>
    withParticipant(state, participantId, (p) => ({
      ...p,
      streams: p.streams.some((s) => s.id === stream.id)
        ? p.streams.map((s) => (s.id === stream.id ? stream : s))
        : [...p.streams, stream],
    })),
  'stream.updated': (state, { participantId, streamId, ...changes }) =>
    withParticipant(state, participantId, (p) => ({
      ...p,
      streams: p.streams.map((s) => (s.id === streamId ? merged(s, changes) : s)),
    })),
  'stream.removed': (state, { participantId, streamId }) =>
    withParticipant(state, participantId, (p) => ({
      ...p,
      streams: p.streams.filter((s) => s.id !== streamId),
    })),
  'recording.updated': (state, data) => ({
    ...state,
    recording: { ...state.recording, ...data },
  }),
  'presentation.started': (state, { presentation }) => ({ ...state, presentation }),
  'presentation.updated': (state, data) =>
    state.presentation?.id === data.id
      ? { ...state, presentation: { ...state.presentation, ...data } }
      : state,
  'presentation.stopped': (state, { id }) => {
    const { presentation, ...rest } = state;
    return presentation?.id === id ? rest : state;
  },
};

function withParticipant(state, id, change) {
  return { ...state, participants: state.participants.map((p) => (p.id === id ? change(p) : p)) };
}

function merged(stream, changes) {
  const result = { ...stream };
  for (const [key, value] of Object.entries(changes)) {
    const both = isObject(result[key]) && isObject(value);
    result[key] = both ? { ...result[key], ...value } : value;
  }
  return result;
}

function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
