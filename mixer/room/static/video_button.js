// The button that plays a video to all, its dialog, and the bar with which its presenter steers it.

import { icon } from './icons.js';

const PAINT_MS = 250;

export class VideoButton {
  #button;
  #dialog;
  #part; // name -> element of the bar
  #bar;
  #say;
  #conference = null;
  #seeking = false;
  #timer = 0;

  // `say(text)` shows a line to people; `bar` is where the controls of the video go.
  constructor(button, bar, dialog, say) {
    this.#button = button;
    this.#bar = bar;
    this.#dialog = dialog;
    this.#say = say;
    this.#part = (name) => bar.querySelector(`[data-player="${name}"]`);
    button.addEventListener('click', () => this.#press());
    dialog.querySelector('[data-video="cancel"]').addEventListener('click', () => dialog.close());
    dialog.querySelector('form').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#start();
    });
    this.#part('play').addEventListener('click', () => this.#toggle());
    const slider = this.#part('position');
    slider.addEventListener('input', () => {
      this.#seeking = true;
      this.#part('time').textContent = clock(slider.value);
    });
    slider.addEventListener('change', () => {
      this.#seeking = false;
      this.#attempt((screening) => screening.seek(Number(slider.value)), 'Seeking');
    });
  }

  attach(conference) {
    this.#conference = conference;
    this.render();
  }

  // After every change of the conference.
  render() {
    const { current, own, permitted } = this.#conference.screening;
    const button = this.#button;
    button.innerHTML = icon(own ? 'videoOff' : 'video');
    button.classList.toggle('on', own);
    button.setAttribute('aria-pressed', String(own));
    button.disabled = !permitted;
    const idle = permitted ? 'Play a video to all' : 'You cannot play a video to all now';
    button.title = own ? 'Stop the video' : idle;
    button.setAttribute('aria-label', button.title);
    this.#bar.hidden = !own;
    clearInterval(this.#timer);
    if (!own) return;
    const label = current.playing ? 'Pause' : 'Play';
    this.#part('play').innerHTML = icon(current.playing ? 'pause' : 'play');
    this.#part('play').title = label;
    this.#part('play').setAttribute('aria-label', label);
    this.#paint();
    this.#timer = setInterval(() => this.#paint(), PAINT_MS);
  }

  #paint() {
    const { duration } = document.querySelector('.tile video.film') ?? {};
    const known = Number.isFinite(duration) ? duration * 1000 : 0;
    const { position } = this.#conference.screening;
    this.#part('duration').textContent = known ? clock(known) : '';
    this.#part('position').disabled = !known;
    this.#part('position').max = known;
    if (this.#seeking) return;
    this.#part('position').value = position;
    this.#part('time').textContent = clock(known ? Math.min(position, known) : position);
  }

  #press() {
    if (this.#conference.screening.own) this.#attempt((screening) => screening.stop(), 'Stopping');
    else this.#dialog.showModal();
  }

  async #start() {
    const url = this.#dialog.querySelector('#video-url').value.trim();
    if (!url) return;
    this.#dialog.close();
    await this.#attempt((screening) => screening.start(url), 'Playing the video');
  }

  #toggle() {
    const { current } = this.#conference.screening;
    this.#attempt((s) => (current.playing ? s.pause() : s.play()), current.playing ? 'Pausing' : 'Playing');
  }

  async #attempt(act, what) {
    try {
      await act(this.#conference.screening);
    } catch (error) {
      this.#say(`${what} did not work: ${error.message.replace(/\.$/, '')}.`);
    }
  }
}

function clock(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
