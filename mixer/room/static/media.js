// The connection to the media server: publishes what we send, receives what is wanted of the others.
// Lost, it is made anew, with all that is sent and received over it.

import { PublishedFeed, ReceivedFeed } from './feeds.js';
import { Janus } from './janus.js';
import { backoff } from './server.js';

export class Media {
  #identity;
  #codec;
  #onMedia;
  #janus = null;
  #sent = new Map(); // 'camera' | 'screen' -> MediaStream
  #wanted = new Set(); // ids of streams
  #published = new Map(); // 'camera' | 'screen' -> PublishedFeed
  #received = new Map(); // stream id -> ReceivedFeed
  #closed = false;

  // `identity()` gives {address, participantId, iceServers} as they are now; `onMedia(streamId,
  // mediaStream|null)` is told what arrives.
  constructor(identity, codec, onMedia) {
    this.#identity = identity;
    this.#codec = codec;
    this.#onMedia = onMedia;
  }

  // What arrives of a stream, or null.
  stream(id) {
    return this.#received.get(id)?.stream ?? null;
  }

  // Connects, again and again, until it is closed.
  async stay() {
    for (let failures = 0; !this.#closed; failures++) {
      try {
        this.#janus = await Janus.open(this.#identity().address);
        failures = 0;
        if (this.#closed) this.#janus.close();
        for (const name of this.#sent.keys()) this.#publish(name);
        this.#subscribe();
        await this.#janus.closed;
      } catch (error) {
        console.debug('media connection:', error.message);
      }
      this.#dropFeeds();
      if (!this.#closed) await backoff(failures);
    }
  }

  // Sends a MediaStream as 'camera' or 'screen' from now on; null, or one without tracks: nothing.
  publish(name, stream) {
    this.#sent.set(name, stream);
    this.#publish(name);
  }

  // Sends another track, or none, in a feed; resolves with whether that goes without a new one.
  async replace(name, kind, track) {
    return this.#published.get(name)?.replace(kind, track);
  }

  // Receives the streams of these ids, no more and no less.
  receive(ids) {
    this.#wanted = new Set(ids);
    this.#subscribe();
  }

  close() {
    this.#closed = true;
    const janus = this.#janus;
    this.#dropFeeds();
    janus?.close();
  }

  #publish(name) {
    this.#published.get(name)?.close();
    this.#published.delete(name);
    const stream = this.#sent.get(name);
    if (!stream?.getTracks().length || !this.#janus || this.#closed) return;
    const { participantId, iceServers } = this.#identity();
    const feed = `${participantId}.${name}`;
    const publisher = new PublishedFeed(this.#janus, feed, iceServers, stream, this.#codec);
    this.#published.set(name, publisher);
    publisher.start();
  }

  #subscribe() {
    for (const [id, feed] of this.#received) {
      if (!this.#wanted.has(id)) {
        feed.close();
        this.#received.delete(id);
        this.#onMedia(id, null);
      }
    }
    if (!this.#janus || this.#closed) return;
    const { iceServers } = this.#identity();
    for (const id of this.#wanted) {
      if (this.#received.has(id)) continue;
      const onStream = (mediaStream) => this.#onMedia(id, mediaStream);
      const feed = new ReceivedFeed(this.#janus, id, iceServers, onStream);
      this.#received.set(id, feed);
      feed.start();
    }
  }

  #dropFeeds() {
    this.#janus = null;
    for (const feed of [...this.#published.values(), ...this.#received.values()]) feed.close();
    this.#published.clear();
    this.#received.clear();
  }
}
