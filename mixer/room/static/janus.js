// A connection to Janus through the server's proxy: one WebSocket, one session, several handles.
// Knows the Janus protocol, nothing of cameras or conferences (feeds.js does).

const REQUEST_TIMEOUT_MS = 10_000;
const KEEPALIVE_MS = 20_000;

export class JanusError extends Error {
  constructor(code, reason) {
    super(`${reason} (${code})`);
    this.code = code;
  }
}

export class Janus {
  #socket;
  #session = 0;
  #waiting = new Map(); // transaction -> {resolve, reject, final}
  #handles = new Map(); // id -> onEvent
  #keepalive = 0;
  #next = 1;
  #ended;

  // Resolves when the connection has ended, for whatever reason.
  closed = new Promise((resolve) => {
    this.#ended = resolve;
  });

  static async open(url) {
    const janus = new Janus();
    await janus.#connect(url);
    try {
      const answer = await janus.#request({ janus: 'create' });
      janus.#session = answer.data.id;
    } catch (error) {
      janus.close();
      throw error;
    }
    janus.#keepalive = setInterval(() => janus.#beat(), KEEPALIVE_MS);
    return janus;
  }

  close() {
    clearInterval(this.#keepalive);
    this.#socket?.close();
  }

  // A videoroom handle; `onEvent(message)` gets what Janus says of it unasked.
  async attach(onEvent) {
    const answer = await this.#inSession({ janus: 'attach', plugin: 'janus.plugin.videoroom' });
    this.#handles.set(answer.data.id, onEvent);
    return answer.data.id;
  }

  // A videoroom request; resolves with {data, jsep} of the plugin's event that answers it.
  async message(handle, body, jsep) {
    const answer = await this.#inSession({ janus: 'message', handle_id: handle, body, jsep });
    const data = answer.plugindata?.data ?? {};
    if (data.error_code) throw new JanusError(data.error_code, data.error);
    return { data, jsep: answer.jsep };
  }

  trickle(handle, candidate) {
    const body = { janus: 'trickle', handle_id: handle, candidate: candidate ?? { completed: true } };
    return this.#inSession(body);
  }

  async detach(handle) {
    this.#handles.delete(handle);
    await this.#inSession({ janus: 'detach', handle_id: handle });
  }

  #connect(url) {
    return new Promise((resolve, reject) => {
      this.#socket = new WebSocket(url, 'janus-protocol');
      this.#socket.onopen = resolve;
      this.#socket.onerror = () => reject(new Error('no connection to the media server'));
      this.#socket.onmessage = ({ data }) => this.#received(JSON.parse(data));
      this.#socket.onclose = () => this.#lost();
    });
  }

  #lost() {
    clearInterval(this.#keepalive);
    for (const { reject } of this.#waiting.values()) reject(new Error('the connection was lost'));
    this.#waiting.clear();
    this.#handles.clear();
    this.#ended();
  }

  #received(message) {
    const waiting = this.#waiting.get(message.transaction);
    if (waiting) {
      if (message.janus === 'ack' && !waiting.ackIsEnough) return;
      this.#waiting.delete(message.transaction);
      if (message.janus === 'error') {
        waiting.reject(new JanusError(message.error.code, message.error.reason));
      } else {
        waiting.resolve(message);
      }
      return;
    }
    if (message.janus === 'timeout') this.close();
    this.#handles.get(message.sender)?.(message);
  }

  #inSession(message) {
    return this.#request({ ...message, session_id: this.#session });
  }

  #request(message) {
    const transaction = `t${this.#next++}`;
    return new Promise((resolve, reject) => {
      if (this.#socket.readyState !== WebSocket.OPEN) {
        reject(new Error('the connection is closed'));
        return;
      }
      const timer = setTimeout(() => {
        this.#waiting.delete(transaction);
        reject(new Error('the media server does not answer'));
      }, REQUEST_TIMEOUT_MS);
      const settle = (then) => (value) => {
        clearTimeout(timer);
        then(value);
      };
      this.#waiting.set(transaction, {
        resolve: settle(resolve),
        reject: settle(reject),
        ackIsEnough: message.janus === 'trickle' || message.janus === 'keepalive',
      });
      this.#socket.send(JSON.stringify({ ...message, transaction }));
    });
  }

  #beat() {
    this.#inSession({ janus: 'keepalive' }).catch(() => this.close());
  }
}
