// The recording of a conference as a client sees it: start, stop, what there is now.

// Whether a recording of that state is paused. Servers that start no recordings do not say: there,
// a mixer is in the room that does not record.
export function isPaused({ recording, participants }) {
  if (recording.active) return false;
  return recording.paused ?? participants.some(({ type }) => type === 'mixer');
}

// Event 'statusUpdated' {isRecording, recording: {participantId, startTimestamp}|null} for
// everybody; 'failed' {message} when a recording could not begin or go on.
export class Recording extends EventTarget {
  #conference;
  #request;
  #told = null; // what the last 'statusUpdated' said, as text

  // `request(method)` asks the server.
  constructor(conference, request) {
    super();
    this.#conference = conference;
    this.#request = request;
  }

  // {participantId, startTimestamp} of the recording that goes on, or null. `participantId` is null
  // when no participant has started it; `startTimestamp` is in milliseconds since 1970.
  get current() {
    const { active, startedAt, participantId } = this.#conference.state.recording;
    return active ? { participantId: participantId ?? null, startTimestamp: startedAt } : null;
  }

  // Whether a recording has been started and just does not record.
  get paused() {
    return isPaused(this.#conference.state);
  }

  // Whether start and stop are ours to use.
  get permitted() {
    const { capabilities, permissions } = this.#conference;
    return Boolean(capabilities.recording) && permissions.has('RECORD');
  }

  // Resolves when the server has begun to start it; 'statusUpdated' follows when it records.
  async start() {
    this.#check();
    await this.#request('POST');
  }

  async stop() {
    this.#check();
    await this.#request('DELETE');
  }

  // After every change of the conference's state.
  update() {
    const recording = this.current;
    const told = JSON.stringify(recording);
    if (told === (this.#told ?? 'null')) return;
    this.#told = told;
    const detail = { isRecording: recording !== null, recording };
    this.dispatchEvent(new CustomEvent('statusUpdated', { detail }));
  }

  failed({ message }) {
    this.dispatchEvent(new CustomEvent('failed', { detail: { message } }));
  }

  #check() {
    if (!this.#conference.capabilities.recording) {
      throw new Error('this server does not record by itself');
    }
    if (!this.permitted) throw new Error('you may not record this conference');
  }
}
