// Talking with the conference server: requests, and the events that it tells.

const BACKOFF_MS = [100, 200, 400, 800, 1500, 3000];
const SILENCE_MS = 15_000; // the server sends a heartbeat every 5 s

// The room's address in that of its page. Throws where it is none.
export function addressOf(url) {
  const match = /^(https?:\/\/[^/?#]+[^?#]*?\/rooms\/[^/?#]+)/.exec(url);
  if (!match) throw new Error('the address of a room ends with /rooms/NAME');
  return match[1];
}

// Headers with which one is let into a conference with access control.
export function shown(conferenceAccessToken) {
  return conferenceAccessToken ? { 'x-conf-access-token': conferenceAccessToken } : {};
}

// One request; rejects with the server's reason, `status`, and `reason` of a conference that is over.
export async function ask(method, address, headers, body, keepalive = false) {
  const isFile = body instanceof Blob;
  const response = await fetch(address, {
    method,
    headers: { 'content-type': isFile ? body.type : 'application/json', ...headers },
    body: body === undefined || isFile ? body : JSON.stringify(body),
    keepalive,
  });
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  const error = new Error(answer.error ?? `the server says ${response.status}`);
  throw Object.assign(error, { status: response.status, reason: answer.reason });
}

// One connection over which events come, {type, data} each to `onMessage`. `ended` resolves when it
// is lost or has said that the conference has ended, with whether there was one.
export function readEvents(address, onMessage) {
  const source = new WebSocket(address);
  const ended = new Promise((resolve) => {
    let opened = false;
    let watchdog = setTimeout(() => done(), SILENCE_MS);
    const done = () => {
      clearTimeout(watchdog);
      source.close();
      resolve(opened);
    };
    source.onclose = done;
    source.onmessage = ({ data }) => {
      opened = true;
      clearTimeout(watchdog);
      watchdog = setTimeout(done, SILENCE_MS);
      const message = JSON.parse(data);
      onMessage(message);
      if (message.type === 'conference.ended') done();
    };
  });
  return { ended, close: () => source.close() };
}

// Waits before the next attempt, after so many that failed.
export function backoff(failures) {
  const ms = BACKOFF_MS[Math.min(failures, BACKOFF_MS.length - 1)];
  return new Promise((resolve) => setTimeout(resolve, ms));
}
