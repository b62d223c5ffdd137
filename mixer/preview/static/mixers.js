/** The mixer's own picture of the moment: asked for, shown, with its mode, reason and time. */

import { fitInto } from './stage.js';

export class MixersPicture {
  #box;
  #asking = false;
  #again = false;
  #size = [1920, 1080];

  /** `moment()` gives what is to be rendered; `wrong(kind, detail)` hears what the page did there. */
  constructor(box, { mode, reason, button, moment, wrong }) {
    Object.assign(this, { mode, reason, button, moment, wrong });
    this.#box = box;
    new ResizeObserver(() => this.#fit()).observe(box);
  }

  async render() {
    if (this.#asking) { this.#again = true; return; }
    this.#asking = true;
    this.button.disabled = true;
    this.#box.classList.add('old');
    do {
      this.#again = false;
      await this.#once();
    } while (this.#again);
    this.#asking = false;
    this.button.disabled = false;
    this.#box.classList.remove('old');
  }

  async #once() {
    const moment = this.moment();
    const began = performance.now();
    try {
      const answer = await fetch('/api/render', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(moment) });
      this.#show(await answer.json(), moment.size, performance.now() - began);
    } catch {
      this.#show({ error: 'The preview does not answer: is `mixer preview` still running?' }, moment.size, 0);
    }
  }

  #show(answer, size, ms) {
    for (const [kind, detail] of answer.told ?? []) this.wrong(kind, detail);
    if (answer.missing) this.wrong('glyphs', `no font of the mixer's machine has ${answer.missing}`);
    this.#size = size;
    this.reason.hidden = !answer.reason;
    this.reason.textContent = answer.reason ? `Why pixels: ${answer.reason}. They are right, but cost more than a matte.` : '';
    if (answer.error) {
      this.mode.textContent = '';
      const text = Object.assign(document.createElement('p'), { className: 'bad', textContent: answer.error });
      this.#box.replaceChildren(text);
      return;
    }
    const image = Object.assign(new Image(), { src: answer.png, alt: 'The moment as the mixer renders it' });
    this.#box.replaceChildren(image);
    this.mode.replaceChildren(
      Object.assign(document.createElement('b'), { className: answer.mode, textContent: answer.mode }),
      ` ${Math.round(ms)} ms (page ${answer.ms.page}, picture ${answer.ms.picture})`,
    );
    this.#fit();
  }

  #fit() { for (const image of this.#box.querySelectorAll('img')) fitInto(this.#box, image, this.#size); }
}
