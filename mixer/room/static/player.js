// A presented video as it is seen and heard on the stage: in step with all others.

const STEP_MS = 1000; // how often it is looked whether it is in step
const APART_S = 0.3; // further apart than that it jumps; less is not noticed

export class Player {
  element = document.createElement('video');
  #missing = document.createElement('p');
  #screening;
  #onBlocked;
  #timer;

  // `onBlocked` is called when the browser refuses to play sound before a click.
  constructor(screening, onBlocked) {
    this.#screening = screening;
    this.#onBlocked = onBlocked;
    this.element.className = 'film';
    this.element.playsInline = true;
    this.element.preload = 'auto';
    this.#missing.className = 'film-missing';
    this.#missing.textContent = 'Your browser cannot play this video.';
    this.#missing.hidden = true;
    this.element.addEventListener('error', () => {
      this.#missing.hidden = false;
      this.element.after(this.#missing);
    });
    this.element.addEventListener('loadedmetadata', () => this.follow());
    this.#timer = setInterval(() => this.follow(), STEP_MS);
  }

  // Does what the conference does.
  follow() {
    const { current, position, address } = this.#screening;
    const { element } = this;
    if (current === null) return;
    if (element.getAttribute('src') !== address) element.src = address;
    if (element.readyState === 0) return;
    const end = Number.isFinite(element.duration) ? element.duration : Infinity;
    const wanted = Math.min(position / 1000, end);
    if (Math.abs(element.currentTime - wanted) > (current.playing ? APART_S : 0.02)) {
      element.currentTime = wanted;
    }
    if (current.playing && wanted < end) this.play();
    else element.pause();
  }

  play() {
    if (!this.#screening.current?.playing || !this.element.paused || this.element.ended) return;
    this.element.play().catch((error) => {
      if (error.name === 'NotAllowedError') this.#onBlocked();
    });
  }

  close() {
    clearInterval(this.#timer);
    this.element.removeAttribute('src');
    this.element.load();
  }
}
