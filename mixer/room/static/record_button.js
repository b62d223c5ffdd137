// The button that starts and stops a recording, for those who may.

import { icon } from './icons.js';

const PATIENCE_MS = 20_000; // a recorder that is not there by then is said to be missing

export class RecordButton {
  #button;
  #say;
  #recording = null;
  #wanted = null; // 'start' or 'stop' until it has happened
  #timer = 0;

  // `say(text)` shows a line to people.
  constructor(button, say) {
    this.#button = button;
    this.#say = say;
    button.addEventListener('click', () => this.#press());
  }

  attach(conference) {
    this.#recording = conference.recording;
    this.#recording.addEventListener('failed', ({ detail }) => this.#giveUp(detail.message));
    conference.addEventListener('permissionsUpdated', () => this.render());
    this.render();
  }

  // After every change of the conference.
  render() {
    const { current, paused, permitted } = this.#recording;
    const on = Boolean(current) || paused;
    if (this.#wanted === (on ? 'start' : 'stop')) this.#settle();
    const button = this.#button;
    button.hidden = !permitted;
    button.innerHTML = icon(on ? 'recordStop' : 'record');
    button.classList.toggle('on', on);
    button.classList.toggle('paused', paused);
    button.setAttribute('aria-pressed', String(on));
    button.setAttribute('aria-busy', String(this.#wanted !== null));
    button.disabled = this.#wanted !== null;
    const rest = on ? `Stop recording${paused ? ' (paused)' : ''}` : 'Start recording';
    button.title = { start: 'Recording starts…', stop: 'Recording stops…' }[this.#wanted] ?? rest;
    button.setAttribute('aria-label', button.title);
  }

  async #press() {
    const { current, paused } = this.#recording;
    const act = current || paused ? 'stop' : 'start';
    this.#wanted = act;
    this.#timer = setTimeout(() => {
      this.#giveUp(act === 'start' ? 'no recorder has come' : 'the recorder is still at work');
    }, PATIENCE_MS);
    this.render();
    try {
      await this.#recording[act]();
    } catch (error) {
      this.#giveUp(error.message);
    }
  }

  #giveUp(reason) {
    const what = this.#wanted === 'stop' ? 'Stopping the recording' : 'Recording';
    this.#settle();
    this.#say(`${what} did not work: ${reason.replace(/\.$/, '')}.`);
    this.render();
  }

  #settle() {
    clearTimeout(this.#timer);
    this.#wanted = null;
  }
}
