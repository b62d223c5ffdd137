/**
 * The mixer's own picture of the moment: asked for, shown, with its mode, reason and time. What the
 * browser painted of it comes first; the mixer's takes its place.
 */

import { fitInto } from './stage.js';

const SILENT = { error: 'The preview does not answer: is `mixer preview` still running?' };

export class MixersPicture {
  hasFailed = false; // the last one
  #box;
  #asking = null;
  #size = [1920, 1080];

  /** `moment()` gives what is to be rendered; `wrong(kind, detail)` hears what the page did there. */
  constructor(box, { mode, reason, button, moment, wrong }) {
    Object.assign(this, { mode, reason, button, moment, wrong });
    this.#box = box;
    new ResizeObserver(() => this.#fit()).observe(box);
  }

  /** Whatever is being rendered is of no interest any more. */
  async render() {
    this.#asking?.abort();
    const asking = new AbortController();
    this.#asking = asking;
    this.button.disabled = true;
    this.#box.classList.add('old');
    try {
      await this.#ask(this.moment(), asking.signal);
    } catch (error) {
      if (asking.signal.aborted) return;
      this.#show(error instanceof TypeError ? SILENT : { error: error.message }, this.#size, 0);
    }
    this.button.disabled = false;
  }

  get isBusy() { return this.button.disabled; }

  async #ask(moment, signal) {
    const began = performance.now();
    const answer = await fetch('/api/render', {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(moment), signal,
    });
    if (!answer.ok) throw new Error((await answer.json()).error ?? `The preview answers ${answer.status}`);
    for await (const line of lines(answer.body)) {
      if (!signal.aborted) this.#show(JSON.parse(line), moment.size, performance.now() - began);
    }
  }

  #show(answer, size, ms) {
    for (const [kind, detail] of answer.told ?? []) this.wrong(kind, detail);
    if (answer.missing) this.wrong('glyphs', `no font of the mixer's machine has ${answer.missing}`);
    this.#size = size;
    this.#box.classList.remove('old');
    this.reason.hidden = !answer.reason;
    this.reason.textContent = answer.reason ? `Why pixels: ${answer.reason}. They are right, but cost more than a matte.` : '';
    this.hasFailed = Boolean(answer.error);
    if (answer.error) {
      this.mode.textContent = '';
      const text = Object.assign(document.createElement('p'), { className: 'bad', textContent: answer.error });
      this.#box.replaceChildren(text);
      return;
    }
    const image = Object.assign(new Image(), { src: answer.png, alt: 'The moment as the mixer renders it' });
    image.dataset.draft = answer.draft;
    this.#box.replaceChildren(image);
    if (answer.draft) {
      this.mode.textContent = `${Math.round(ms)} ms, its mode is being found out`;
    } else {
      this.mode.replaceChildren(
        Object.assign(document.createElement('b'), { className: answer.mode, textContent: answer.mode }),
        ` ${Math.round(ms)} ms (page ${answer.ms.page}, picture ${answer.ms.picture})`,
      );
    }
    this.#fit();
  }

  #fit() { for (const image of this.#box.querySelectorAll('img')) fitInto(this.#box, image, this.#size); }
}

async function* lines(body) {
  let text = '';
  for await (const part of body.pipeThrough(new TextDecoderStream())) {
    text += part;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      yield text.slice(0, end);
      text = text.slice(end + 1);
    }
  }
}
