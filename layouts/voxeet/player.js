/**
 * A page's own player of the presented video shows the recording's: what a <video> of the page has at
 * the video's address becomes the stream that the mixer puts in.
 *
 * Pages of the seed platform load the video again and play it by themselves, which follows neither the
 * recording's clock nor a remix years later. Its sound is mixed by the mixer. While such an element is
 * taken over it neither pauses nor seeks: which picture is shown is the mixer's affair.
 */

class PresentedPlayer {
  #taken = new Set();
  #observer = new MutationObserver(() => this.update());

  constructor() {
    this.#observer.observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ['src'] });
  }

  /** Takes over what plays the presented video now, and lets go of what does not. */
  update() {
    const stream = this.#stream();
    const address = layout.presentation?.url;
    const playing = stream === null ? [] : [...document.querySelectorAll('video')]
      .filter((video) => addressesOf(video).includes(addressOf(address)));
    for (const video of this.#taken) if (!playing.includes(video)) this.#release(video);
    for (const video of playing) this.#take(video, layout.mediaStream(stream.id));
  }

  /** The stream of the presented video, null while there is none to be seen. */
  #stream() {
    const { presentation } = layout;
    if (presentation?.kind !== 'video') return null;
    const streams = layout.state.participants.flatMap((participant) => participant.streams);
    return streams.find(({ id, video }) => id === presentation.streamId && video?.available) ?? null;
  }

  #take(video, media) {
    if (video.srcObject === media) return;
    if (!this.#taken.has(video)) {
      Object.defineProperties(video, {
        pause: { configurable: true, value() {} },
        currentTime: { configurable: true, get: () => (layout.presentation?.positionMs ?? 0) / 1000, set() {} },
      });
    }
    this.#taken.add(video);
    video.muted = true;
    video.autoplay = true;
    video.srcObject = media;
    video.play().catch(() => {});
  }

  #release(video) {
    this.#taken.delete(video);
    delete video.pause;
    delete video.currentTime;
    video.srcObject = null;
  }
}

function addressOf(text) {
  try {
    return new URL(text, document.baseURI).href;
  } catch {
    return null;
  }
}

function addressesOf(video) {
  return [video, ...video.querySelectorAll('source')]
    .map((element) => element.getAttribute('src'))
    .filter((address) => address !== null)
    .map(addressOf);
}
