/**
 * `conference`: joined or replayed by the page as the mixer; tells it of participants and streams.
 *
 * Joining resolves first; events come in the page's next task, so that a page which listens only after it
 * has joined misses nothing.
 */

const LOUDEST = 5; // of the layout SDK's levels

class ConferenceService extends Emitter {
  current = null;
  #people = new People();
  #isTelling = false;

  constructor(presentations) {
    super();
    layout.addEventListener('change', ({ detail }) => {
      if (!this.#isTelling) return;
      this.#update(presentations);
      if (detail.events.some(({ type }) => type === 'conference.ended')) this.#end();
    });
    this.#start = () => {
      if (this.current === null) return;
      this.#isTelling = true;
      this.emit('joined');
      this.#update(presentations);
    };
  }

  #start;

  get participants() { return this.#people.map; }

  fetch(id) { return Promise.resolve(this.#conference(id)); }

  create(options) { return Promise.resolve(this.#conference(options?.alias)); }

  join(conference) { return this.#enter(conference, null); }

  listen(conference) { return this.#enter(conference, null); }

  /** People of a recording are robots to the page; otherwise it is like joining. */
  replay(conference) { return this.#enter(conference, 'robot'); }

  leave() {
    if (this.current === null) return Promise.resolve();
    this.current = null;
    this.#isTelling = false;
    this.emit('left');
    return Promise.resolve();
  }

  /** Calls back with, and returns, whether somebody speaks. */
  isSpeaking(participant, callback) { return this.#told(this.#state(participant)?.speaking ?? false, callback); }

  /** Between 0 and 1, in steps of 0.2. */
  audioLevel(participant, callback) {
    return this.#told(layout.level(this.#state(participant) ?? null) / LOUDEST, callback);
  }

  isMuted(participant) { return participant ? !participant.audioTransmitting : true; }

  localStats() { return new Map(); }

  #told(value, callback) {
    if (typeof callback === 'function') attempt(callback, value);
    return value;
  }

  #state(participant) { return layout.state.participants.find(({ id }) => id === participant?.id); }

  #conference(name) {
    const { id, alias } = layout.state.conference;
    const participants = this.#people.map;
    return { id: id || String(name ?? ''), alias: alias || String(name ?? ''), isNew: false, status: 'created',
      params: {}, permissions: new Set(['JOIN']), isProtected: false, participants };
  }

  #enter(conference, type) {
    if (this.current !== null) return Promise.resolve(this.current);
    this.current = Object.assign(conference ?? this.#conference(), { status: 'joined' });
    this.#people.enter(type);
    setTimeout(this.#start, 0);
    return Promise.resolve(this.current);
  }

  #update(presentations) {
    this.#people.update((type, ...values) => this.emit(type, ...values));
    const owner = (id) => this.#people.map.get(id) ?? new Participant(id);
    for (const service of presentations) service.update(layout.presentation, owner);
  }

  #end() {
    this.leave();
    this.emit('ended');
  }
}

withoutEffect(ConferenceService.prototype, 'invite', 'kick', 'mute', 'muteOutput', 'playBlockedAudio',
  'setAudioProcessing', 'setMaxVideoForwarding', 'setSpatialDirection', 'setSpatialEnvironment',
  'setSpatialPosition', 'simulcast', 'startAudio', 'startScreenShare', 'startVideo', 'stopAudio',
  'stopScreenShare', 'stopVideo', 'updatePermissions', 'videoForwarding');
