// One peer connection for each feed: what this browser publishes, and what it receives.
// Each tries for itself until it is closed; a fault of one touches no other.

const RETRY_MS = [200, 500, 1000, 2000];
const ICE_TIMEOUT_MS = 12_000;

class Feed {
  #retries = 0;
  #timer = 0;
  #watchdog = 0;
  #attempt = 0;
  closed = false;

  constructor(janus, feed, iceServers) {
    this.janus = janus;
    this.feed = feed;
    this.iceServers = iceServers;
    this.handle = 0;
    this.pc = null;
  }

  async start() {
    const attempt = ++this.#attempt;
    try {
      const handle = await this.janus.attach((message) => {
        if (handle === this.handle) this.onMessage(message);
      });
      if (this.closed || attempt !== this.#attempt) {
        await this.janus.detach(handle);
        return;
      }
      this.handle = handle;
      this.pc = this.#peerConnection();
      await this.negotiate();
    } catch (error) {
      if (attempt === this.#attempt) this.retry(error);
    }
  }

  // Gives this attempt up and makes another one a little later.
  retry(reason) {
    if (this.closed) return;
    this.#teardown();
    const delay = RETRY_MS[Math.min(this.#retries++, RETRY_MS.length - 1)];
    console.debug(`feed ${this.feed}: again in ${delay} ms`, String(reason?.message ?? reason));
    this.#timer = setTimeout(() => this.start(), delay);
  }

  close() {
    this.closed = true;
    clearTimeout(this.#timer);
    this.#teardown();
  }

  onMessage(message) {
    if (message.janus === 'hangup' || message.janus === 'detached') this.retry(message.janus);
    else if (message.janus === 'event') this.onEvent(message.plugindata?.data ?? {}, message.jsep);
  }

  onEvent() {}

  #peerConnection() {
    const pc = new RTCPeerConnection({ iceServers: this.iceServers, bundlePolicy: 'max-bundle' });
    const handle = this.handle;
    pc.onicecandidate = ({ candidate }) => {
      this.janus.trickle(handle, candidate?.toJSON()).catch(() => {});
    };
    pc.onconnectionstatechange = () => {
      if (pc !== this.pc) return;
      if (pc.connectionState === 'connected') {
        this.#retries = 0;
        clearTimeout(this.#watchdog);
      } else if (pc.connectionState === 'failed') {
        this.retry('connection failed');
      }
    };
    pc.ontrack = ({ track }) => this.onTrack?.(track);
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => {
      if (pc === this.pc && pc.connectionState !== 'connected') this.retry('no connection');
    }, ICE_TIMEOUT_MS);
    return pc;
  }

  #teardown() {
    this.#attempt++;
    clearTimeout(this.#watchdog);
    const { pc, handle } = this;
    this.pc = null;
    this.handle = 0;
    pc?.close();
    if (handle) this.janus.detach(handle).catch(() => {});
  }
}

// Publishes a MediaStream; `codec` is 'vp8' or 'h264'.
export class PublishedFeed extends Feed {
  constructor(janus, feed, iceServers, stream, codec) {
    super(janus, feed, iceServers);
    this.stream = stream;
    this.codec = codec;
  }

  async negotiate() {
    const { pc, handle, janus } = this;
    await janus.message(handle, { request: 'join', ptype: 'publisher', id: this.feed });
    for (const track of this.stream.getTracks()) this.#send(pc, track);
    const offer = await pc.createOffer();
    await pc.setLocalDescription(offer);
    const body = { request: 'publish', audiocodec: 'opus' };
    if (this.stream.getVideoTracks().length) body.videocodec = this.codec;
    const answer = await janus.message(handle, body, { type: offer.type, sdp: offer.sdp });
    if (!answer.jsep) throw new Error('no answer from the media server');
    await pc.setRemoteDescription(answer.jsep);
  }

  // Sends another track of that kind, or none. False if the feed has no place for the kind.
  async replace(kind, track) {
    const sender = this.pc
      ?.getTransceivers()
      .find((t) => t.receiver.track.kind === kind)?.sender;
    if (!sender) return false;
    await sender.replaceTrack(track);
    return true;
  }

  #send(pc, track) {
    const transceiver = pc.addTransceiver(track, {
      direction: 'sendonly',
      streams: [this.stream],
    });
    if (track.kind === 'video') preferCodec(transceiver, this.codec);
  }
}

// Receives another participant's feed into `stream`, a MediaStream of its own.
export class ReceivedFeed extends Feed {
  constructor(janus, feed, iceServers, onStream) {
    super(janus, feed, iceServers);
    this.stream = null;
    this.onStream = onStream;
  }

  async negotiate() {
    this.stream = new MediaStream();
    this.onTrack = (track) => {
      this.stream.addTrack(track);
      this.onStream(this.stream);
    };
    const body = { request: 'join', ptype: 'subscriber', streams: [{ feed: this.feed }] };
    const { jsep } = await this.janus.message(this.handle, body);
    if (!jsep) throw new Error('no offer from the media server');
    await this.#answer(jsep);
  }

  // The publisher's feed has changed: an offer to answer, or nothing left of it.
  onEvent(data, jsep) {
    if (data.videoroom !== 'updated') return;
    if (!data.streams?.some((stream) => stream.active)) {
      this.retry('the feed has ended');
    } else if (jsep) {
      this.#answer(jsep).catch((error) => this.retry(error));
    }
  }

  async #answer(offer) {
    const { pc, handle } = this;
    await pc.setRemoteDescription(offer);
    const answer = await pc.createAnswer();
    await pc.setLocalDescription(answer);
    const jsep = { type: answer.type, sdp: answer.sdp };
    await this.janus.message(handle, { request: 'start' }, jsep);
  }
}

function preferCodec(transceiver, codec) {
  const all = RTCRtpSender.getCapabilities('video')?.codecs ?? [];
  const wanted = all.filter((c) => c.mimeType.toLowerCase() === `video/${codec}`);
  const repair = all.filter((c) => /\/(rtx|red|ulpfec)$/i.test(c.mimeType));
  const baseline = wanted.filter((c) => /profile-level-id=42e01f/i.test(c.sdpFmtpLine ?? ''));
  const chosen = baseline.length ? baseline : wanted;
  if (chosen.length) transceiver.setCodecPreferences([...chosen, ...repair]);
}
