/**
 * `filePresentation` and `videoPresentation`: what is presented besides cameras and screens.
 *
 * Made of the layout SDK's `presentation`. Pages get one object for a presentation from its start to
 * its end; its `position` (a page, from 0) or `timestamp` (ms) changes.
 */

class FilePresentationService extends Emitter {
  current = null;
  #pages = [];

  /** `owner` finds the participant of an id. */
  update(presentation, owner) {
    const file = presentation?.kind === 'file' ? presentation : null;
    if (this.current !== null && this.current.id !== file?.id) {
      const stopped = this.current;
      this.current = null;
      this.emit('stopped', stopped);
    }
    if (file === null) return;
    this.#pages = file.pages ?? [];
    const isNew = this.current === null;
    const position = file.page ?? 0;
    if (!isNew && this.current.position === position) return;
    this.current ??= { id: file.id, ownerId: file.ownerId, owner: owner(file.ownerId), name: file.name ?? '',
      imageCount: this.#pages.length, position };
    this.current.position = position;
    this.emit(isNew ? 'started' : 'updated', this.current);
  }

  image(page) { return this.#address(page, 'url'); }

  thumbnail(page) { return this.#address(page, 'thumbnailUrl'); }

  #address(page, key) {
    const found = this.#pages[page];
    if (!found) return Promise.reject(new Error(`the file has no page ${page}`));
    return Promise.resolve(found[key] ?? found.url);
  }
}

class VideoPresentationService extends Emitter {
  current = null;
  #player = null; // made when there is a video for the first time
  #playing = false;

  get state() {
    if (this.current === null) return 'stopped';
    return this.#playing ? 'playing' : 'paused';
  }

  update(presentation, owner) {
    const video = presentation?.kind === 'video' ? presentation : null;
    if (this.current !== null && (this.current.id !== video?.id || this.current.url !== video?.url)) {
      this.current = null;
      this.emit('stopped');
    }
    if (video !== null) this.#player ??= new PresentedPlayer();
    this.#player?.update();
    if (video === null) return;
    const isNew = this.current === null;
    const timestamp = video.positionMs ?? 0;
    const wasPlaying = this.#playing;
    const hasMoved = !isNew && this.current.timestamp !== timestamp;
    this.#playing = video.playing ?? true;
    this.current ??= { id: video.id, url: video.url, ownerId: video.ownerId, owner: owner(video.ownerId), timestamp };
    this.current.timestamp = timestamp;
    if (isNew) this.emit('started', this.current);
    if (isNew ? !this.#playing : wasPlaying !== this.#playing) {
      this.emit(this.#playing ? 'played' : 'paused', this.current);
    } else if (hasMoved) this.emit('sought', this.current);
  }
}

withoutEffect(FilePresentationService.prototype, 'convert', 'start', 'stop');
withoutEffect(VideoPresentationService.prototype, 'start', 'stop', 'play', 'pause', 'seek');
