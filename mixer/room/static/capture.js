// Camera and microphone: what is asked for, and the tracks that come of it.

const CAMERA = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } };
const MICROPHONE = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

// What getUserMedia is asked for by `audio` and `video`: true, false, a device id, or constraints.
export function mediaConstraints({ audio, video }) {
  return { audio: constraints(audio, MICROPHONE), video: constraints(video, CAMERA) };
}

// A MediaStream of what is asked for (as for mediaConstraints), or of the tracks that are given.
export async function capture(audio, video) {
  const given = [audio, video].filter((one) => one instanceof MediaStreamTrack);
  const asked = mediaConstraints({
    audio: audio instanceof MediaStreamTrack ? false : audio,
    video: video instanceof MediaStreamTrack ? false : video,
  });
  const captured =
    asked.audio || asked.video ? (await navigator.mediaDevices.getUserMedia(asked)).getTracks() : [];
  return new MediaStream([...given, ...captured]);
}

// What to ask for when the device is opened again.
export function deviceOf(wanted) {
  if (wanted instanceof MediaStreamTrack) return wanted.getSettings().deviceId || true;
  return wanted || true;
}

function constraints(wanted, defaults) {
  if (!wanted) return false;
  if (wanted === true) return defaults;
  if (typeof wanted === 'string') return { ...defaults, deviceId: { exact: wanted } };
  return { ...defaults, ...wanted };
}
