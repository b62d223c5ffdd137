// The button that presents a file, and the bar with which its presenter turns pages.

import { icon } from './icons.js';
import { ACCEPTED } from './presenting.js';

export class PresentButton {
  #button;
  #bar;
  #input = document.createElement('input');
  #say;
  #conference = null;
  #busy = false;

  // `say(text)` shows a line to people; `bar` is where the controls of pages go.
  constructor(button, bar, say) {
    this.#button = button;
    this.#bar = bar;
    this.#say = say;
    this.#input.type = 'file';
    this.#input.accept = ACCEPTED;
    this.#input.id = 'file-input';
    this.#input.hidden = true;
    button.after(this.#input);
    this.#input.addEventListener('change', () => this.#start());
    button.addEventListener('click', () => this.#press());
    const control = (name) => bar.querySelector(`[data-turn="${name}"]`);
    for (const [name, by] of Object.entries({ previous: -1, next: 1 })) {
      control(name).innerHTML = icon(name);
      control(name).addEventListener('click', () => this.#turn(by));
    }
    addEventListener('keydown', (event) => {
      const by = { PageUp: -1, PageDown: 1, ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (by && !bar.hidden && event.target === document.body) this.#turn(by);
    });
  }

  attach(conference) {
    this.#conference = conference;
    this.render();
  }

  // After every change of the conference.
  render() {
    const { current, own, permitted } = this.#conference.presenting;
    const button = this.#button;
    button.innerHTML = icon(own ? 'fileOff' : 'file');
    button.classList.toggle('on', own);
    button.setAttribute('aria-pressed', String(own));
    button.setAttribute('aria-busy', String(this.#busy));
    button.disabled = this.#busy || !permitted;
    const idle = permitted ? 'Present a file' : 'You cannot present a file now';
    button.title = this.#busy ? 'The file is being read…' : own ? 'Stop presenting' : idle;
    button.setAttribute('aria-label', button.title);
    this.#bar.hidden = !own || current.pages.length < 2;
    if (this.#bar.hidden) return;
    this.#bar.querySelector('span').textContent = `${current.page + 1} / ${current.pages.length}`;
    this.#bar.querySelector('[data-turn="previous"]').disabled = current.page === 0;
    this.#bar.querySelector('[data-turn="next"]').disabled = current.page + 1 === current.pages.length;
  }

  #press() {
    const { presenting } = this.#conference;
    if (presenting.own) this.#attempt(() => presenting.stop(), 'Stopping');
    else this.#input.click();
  }

  async #start() {
    const [file] = this.#input.files;
    this.#input.value = '';
    if (!file) return;
    this.#busy = true;
    this.render();
    await this.#attempt(() => this.#conference.presenting.start(file), 'Presenting the file');
    this.#busy = false;
    this.render();
  }

  #turn(by) {
    const { presenting } = this.#conference;
    const { page, pages } = presenting.current;
    if (pages[page + by]) this.#attempt(() => presenting.turn(page + by), 'Turning the page');
  }

  async #attempt(act, what) {
    try {
      await act();
    } catch (error) {
      this.#say(`${what} did not work: ${error.message.replace(/\.$/, '')}.`);
    }
  }
}
