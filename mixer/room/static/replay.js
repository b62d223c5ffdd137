// A recording that is replayed in a conference of its own, which is joined to listen.

import { join } from './conference.js';
import { addressOf, ask, shown } from './server.js';

// Replays the recording of the conference at `url` from `offset` milliseconds on, and joins the
// new conference in which that happens, as a listener. Also of a conference that has ended.
export async function replay({ url = location.href, offset = 0, conferenceAccessToken, ...options }) {
  const base = addressOf(url);
  const headers = shown(conferenceAccessToken);
  const begun = await ask('POST', `${base}/replay`, headers, { offset });
  return joinReplay(base, begun, options);
}

// Joins the conference that the server has begun for a replay, beside the one at `base`.
export function joinReplay(base, { conferenceId, conferenceAccessToken }, options) {
  const url = `${base.slice(0, base.lastIndexOf('/'))}/${conferenceId}`;
  return join({ name: 'Viewer', ...options, type: 'listener', url, conferenceAccessToken });
}
