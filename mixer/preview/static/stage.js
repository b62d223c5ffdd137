/** The layout's page in a frame of the recording's size, scaled to fit; what it says is told on. */

export class Stage extends EventTarget {
  size = [1920, 1080];
  #box;
  #frame = null;
  #run = 0;
  #isThere = false;
  #subject;

  constructor(box, subject) {
    super();
    this.#box = box;
    this.#subject = subject;
    new ResizeObserver(() => this.fit()).observe(box);
    window.addEventListener('message', ({ source, data }) => {
      if (source !== this.#frame?.contentWindow || data?.mixer === undefined || data.run !== this.#run) return;
      this.#isThere = true;
      this.dispatchEvent(new CustomEvent(data.mixer, { detail: data }));
    });
  }

  /** Loads the page anew. What it begins with goes in the frame's name: it is there at once. */
  load({ state, language, layoutType, query, t, playing }) {
    this.#run += 1;
    this.#isThere = false;
    const [width, height] = this.size;
    const frame = document.createElement('iframe');
    const begin = { run: this.#run, state, t, playing, recording: this.#subject.recording,
      parameters: { language, ...Object.fromEntries(new URLSearchParams(query)), width, height, fps: 30, layoutType } }; // as in mixer/layout/page.py
    frame.name = JSON.stringify(begin);
    frame.title = 'The layout';
    frame.allow = 'autoplay';
    frame.setAttribute('sandbox', 'allow-scripts allow-same-origin');
    const { pages, path, fragment } = this.#subject;
    frame.src = `${pages}${path.split('?')[0]}${query ? `?${query}` : ''}${fragment ? `#${fragment}` : ''}`;
    this.#frame?.remove();
    this.#frame = frame;
    this.#box.append(frame);
    this.fit();
  }

  /** To the page, once it is there: it then asks for all that it has missed ('hello'). */
  tell(message) { if (this.#isThere) this.#frame.contentWindow?.postMessage(message, this.#subject.pages); }

  fit() {
    for (const shown of this.#box.querySelectorAll('iframe, img')) fitInto(this.#box, shown, this.size);
    if (this.#frame) this.dispatchEvent(new CustomEvent('fitted', { detail: scaleOf(this.#box, this.size) }));
  }
}

const scaleOf = (box, [width, height]) => Math.min(box.clientWidth / width, box.clientHeight / height);

export function fitInto(box, element, [width, height]) {
  const scale = scaleOf(box, [width, height]);
  Object.assign(element.style, {
    width: `${width}px`,
    height: `${height}px`,
    left: `${(box.clientWidth - width * scale) / 2}px`,
    top: `${(box.clientHeight - height * scale) / 2}px`,
    transform: `scale(${scale})`,
  });
}
