/**
 * Time and scripts: what happens is taken down, and is played, sought in and saved (script.py has the
 * format). Without a script, time just runs on.
 */

export class Player extends EventTarget {
  script = null;
  takingDown = false;
  playing = true;
  #conference;
  #at = 0;
  #since = performance.now();
  #told = 0; // events of the script that were applied

  constructor(conference) {
    super();
    this.#conference = conference;
    conference.addEventListener('events', ({ detail }) => {
      if (this.takingDown && !this.applying) this.#noted(detail);
    });
    setInterval(() => this.#tick(), 50);
  }

  get seconds() { return this.#at + (this.playing ? (performance.now() - this.#since) / 1000 : 0); }

  get duration() {
    return Math.max(this.script?.duration ?? 0, ...(this.script?.events.slice(-1).map(({ t }) => t) ?? []));
  }

  #set(seconds, playing) {
    this.#at = seconds;
    this.#since = performance.now();
    this.playing = playing;
    this.dispatchEvent(new Event('clock'));
  }

  /** From here on events are noted, after the state as it is now. */
  takeDown(on) {
    this.takingDown = on;
    if (!on) {
      this.script.duration = this.seconds;
      this.#told = this.script.events.length;
      return;
    }
    const state = this.#conference.state;
    const events = state.participants.map((participant) => ({ t: 0, type: 'participant.added', data: { participant } }));
    events.push({ t: 0, type: 'recording.updated', data: state.recording });
    if (state.presentation) events.push({ t: 0, type: 'presentation.started', data: { presentation: state.presentation } });
    this.script = { format: 'mixer-preview-script', version: 1, duration: 0, events };
    this.#set(0, true);
  }

  #noted(events) {
    const t = Math.round(this.seconds * 1000) / 1000;
    this.script.events.push(...events.map(({ type, data }) => ({ t, type, data })));
  }

  load(script, playing = true) {
    this.takingDown = false;
    this.script = { ...script, events: [...script.events].sort((a, b) => a.t - b.t) };
    this.seek(0, playing);
  }

  seek(seconds, playing = this.playing) {
    this.#conference.set(null);
    this.#told = 0;
    this.#set(seconds, playing);
    this.#apply();
    this.dispatchEvent(new Event('reset'));
  }

  toggle() {
    if (this.script && !this.playing && this.seconds >= this.duration) this.seek(0, true);
    else this.#set(this.seconds, !this.playing);
  }

  #apply() {
    const { events } = this.script;
    const due = [];
    while (this.#told < events.length && events[this.#told].t <= this.seconds) {
      due.push(events[this.#told]);
      this.#told += 1;
    }
    this.applying = true;
    this.#conference.apply(due.map(({ type, data }) => ({ type, data })));
    this.applying = false;
  }

  #tick() {
    if (!this.script || this.takingDown || !this.playing) return;
    this.#apply();
    if (this.seconds >= this.duration) this.#set(this.duration, false);
  }
}
