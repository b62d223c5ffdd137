/** Mixer layout SDK (mixer-layout.js and the files beside it). The schema of state and events: docs/conference-state.md. */

export interface Audio { readonly muted: boolean; }

/** `available`: pictures have come; `width` and `height` (pixels) are true from then on. */
export interface Video {
  readonly muted: boolean;
  readonly width: number;
  readonly height: number;
  readonly available: boolean;
}

export interface Stream {
  readonly id: string;
  readonly type: 'Camera' | 'ScreenShare' | 'VideoPresentation';
  readonly audio: Audio | null;
  readonly video: Video | null;
  /** When it began, milliseconds of unix time, if that is known. */
  readonly startedAt?: number;
}

export interface Participant {
  readonly id: string;
  readonly externalId: string;
  readonly name: string;
  readonly avatarUrl: string;
  /** A `mixer` is never drawn, a `listener` only if it sends something. */
  readonly type: 'user' | 'listener' | 'mixer' | 'robot';
  readonly status: 'connecting' | 'connected' | 'left';
  readonly speaking: boolean;
  readonly streams: readonly Stream[];
}

/** One page of a shared file: an image, its size in pixels. */
export interface FilePage {
  readonly url: string;
  readonly width?: number;
  readonly height?: number;
  readonly thumbnailUrl?: string;
}

/** A file whose pages somebody shows to all. */
export interface FilePresentation {
  readonly kind: 'file';
  readonly id: string;
  /** The participant who presents. */
  readonly ownerId: string;
  readonly name?: string;
  readonly pages: readonly FilePage[];
  /** Which of `pages` is shown, from 0. */
  readonly page: number;
}

/** A video that somebody plays to all. Its picture is a stream like any other, `find('share')`, once it
 * is there; its sound is mixed by the mixer. A page that loads `url` by itself is not in step. */
export interface VideoPresentation {
  readonly kind: 'video';
  readonly id: string;
  readonly ownerId: string;
  readonly name?: string;
  readonly url: string;
  readonly playing: boolean;
  /** Where in the video it was played, paused or sought last, milliseconds. */
  readonly positionMs: number;
  /** The stream that carries the picture, for `mediaStream()`. */
  readonly streamId?: string;
}

export interface ConferenceState {
  readonly conference: { readonly id: string; readonly alias: string };
  /** In the order of joining. */
  readonly participants: readonly Participant[];
  readonly recording: { readonly active: boolean; readonly startedAt: number | null };
  /** What is presented besides cameras and screens; absent or null: nothing. */
  readonly presentation?: FilePresentation | VideoPresentation | null;
}

/** An event of docs/conference-state.md, such as `stream.added`. */
export interface ConferenceEvent { readonly type: string; readonly data: Readonly<Record<string, unknown>>; }

/** Size of the page in CSS pixels = pixels of the video, frame rate, and the layout URL's query. */
export interface Parameters {
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  /** A recording as it happens, a recording made over (remix), a broadcast. */
  readonly layoutType: 'record' | 'replay' | 'stream';
  readonly language?: string;
  readonly [name: string]: unknown;
}

/** A participant, and the stream of theirs that has a picture to be shown now. */
export interface Shown { readonly participant: Participant; readonly stream: Stream | null; }

/** `speaker`, `share` (what is shared and has a picture), `presenter` (who presents a file or a video,
 * else who shares the newest screen), a participant's id, or the n-th of `participants`, from 0. */
export type Which = 'speaker' | 'share' | 'presenter' | string | number;

/** `reset`: the state was set anew as a whole (once at the start). `events` is empty then, and where
 * only `activeSpeaker` or a level has changed. */
export type ChangeEvent = CustomEvent<{ readonly events: readonly ConferenceEvent[]; readonly reset: boolean }>;

export interface MixerLayout extends EventTarget {
  readonly parameters: Parameters;
  /** Deep-frozen; parts that did not change stay the same object from change to change. */
  readonly state: ConferenceState;
  /** Those who are to be shown, in the order of joining: no mixers, no silent listeners. */
  readonly participants: readonly Participant[];
  /** Who is to be shown large: who speaks, without jumping at each pause for breath (active-speaker.js). */
  readonly activeSpeaker: Participant | null;
  /** How loud somebody speaks: 0 for silence, 1 to 5. Who has asked once hears of other levels by 'change' (levels.js). */
  level(participant: Participant | null): number;
  /** What is shared now and has a picture: a video presentation, else the newest shared screen. */
  readonly share: { readonly participant: Participant; readonly stream: Stream } | null;
  /** `state.presentation`, null if there is none. */
  readonly presentation: FilePresentation | VideoPresentation | null;
  /** The participant's camera if it has a picture now. */
  camera(participant: Participant): Stream | null;
  /** What `data-participant` and `<mixer-video participant>` go by; null for nobody. For a participant, `stream` is the camera. */
  find(which: Which): Shown | null;
  /** For `video.srcObject`; the same object for a stream as long as the stream is in the state. */
  mediaStream(streamId: string): MediaStream;
  /** The first look is painted: call it once, after the first 'change' or when fonts have loaded. */
  ready(): void;
  /** The page cannot go on; the mixer takes its default layout instead. */
  fail(reason: unknown): void;
  /** The page has nothing more to show: asks the mixer to end this mix. */
  finish(): void;
  addEventListener(type: 'change', listener: (event: ChangeEvent) => void, options?: AddEventListenerOptions | boolean): void;
  /** The other side, for whoever shows the page. Pages leave it alone. */
  readonly host: MixerLayoutHost;
}

export interface MixerLayoutHost {
  /** Set by the host before any script of the page runs. */
  createMediaStream: ((streamId: string) => MediaStream) | null;
  /** Sets the state, and the parameters if given. Copies what it gets. */
  reset(state: ConferenceState | null, parameters?: Parameters): void;
  /** Reduces the events in order, then tells the page once. An event that throws is reported and left out. */
  apply(events: readonly ConferenceEvent[]): void;
  /** Whether the page has asked for a level: then levels are told by `hear`, 0 to 5 by participant's id. */
  wantsLevels: boolean;
  hear(levels: Readonly<Record<string, number>>): void;
  /** Whether elements are in the page that show the conference by themselves (elements.js). */
  hasElements(): boolean;
  /** Called once; at once if the page was quicker. */
  onready: (() => void) | null;
  onfail: ((reason: string) => void) | null;
  onfinish: (() => void) | null;
  /** Whether `window.mixerLayout` was read since the host set this to false. */
  touched: boolean;
  /** The reducer: the state after an event, pure. */
  reduce(state: ConferenceState, event: ConferenceEvent): ConferenceState;
}

declare global {
  interface Window { readonly mixerLayout: MixerLayout; }
}
