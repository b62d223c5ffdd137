// Types of conference.js (docs/conference-state.md).

export type ParticipantType = 'user' | 'listener' | 'mixer' | 'robot';
export type StreamName = 'camera' | 'screen';
export type Codec = 'vp8' | 'h264';
export type Permission =
  | 'INVITE'
  | 'JOIN'
  | 'SEND_AUDIO'
  | 'SEND_VIDEO'
  | 'SHARE_SCREEN'
  | 'SHARE_VIDEO'
  | 'SHARE_FILE'
  | 'SEND_MESSAGE'
  | 'RECORD'
  | 'STREAM'
  | 'KICK'
  | 'UPDATE_PERMISSIONS';

export interface Stream {
  id: string;
  type: 'Camera' | 'ScreenShare';
  audio: { muted: boolean } | null;
  video: { muted: boolean; width: number; height: number; available: boolean } | null;
}

export interface Participant {
  id: string;
  externalId: string;
  name: string;
  avatarUrl: string;
  type: ParticipantType;
  status: 'connecting' | 'connected' | 'left';
  speaking: boolean;
  streams: Stream[];
}

export interface State {
  conference: { id: string; alias: string };
  participants: Participant[];
  /** `participantId`: who started it, null where no participant did. Both of a service only. */
  recording: {
    active: boolean;
    startedAt: number | null;
    participantId?: string | null;
    paused?: boolean;
  };
  /** The file or the video that is presented; absent: none. */
  presentation?: FilePresentation | VideoPresentation;
}

export interface FilePage {
  /** Below the room's address: see Presenting.address. */
  url: string;
  width: number;
  height: number;
}

export interface FilePresentation {
  kind: 'file';
  id: string;
  /** The participant who presents. */
  ownerId: string;
  name: string;
  pages: FilePage[];
  /** Which of `pages` is shown, from 0. */
  page: number;
}

export interface VideoPresentation {
  kind: 'video';
  id: string;
  ownerId: string;
  name: string;
  /** http or https. */
  url: string;
  playing: boolean;
  /** Where in the video it was at `updatedAt`, milliseconds: see Screening.position. */
  positionMs: number;
  /** Milliseconds since 1970 by the server's clock. */
  updatedAt: number;
}

/** The video that is presented, played in step for all. */
export interface Screening {
  readonly current: VideoPresentation | null;
  /** Where the video is, for <video src>; null without one. */
  readonly address: string | null;
  /** Whether `current` is ours: only who presents plays, pauses, seeks and stops. */
  readonly own: boolean;
  /** Whether we may present now: permission SHARE_VIDEO, and nobody else presents. */
  readonly permitted: boolean;
  /** Where in the video all are now, milliseconds. */
  readonly position: number;
  /** Plays the video at an http(s) address to all, from `positionMs` on. */
  start(
    url: string,
    options?: { name?: string; playing?: boolean; positionMs?: number },
  ): Promise<VideoPresentation>;
  play(): Promise<void>;
  pause(): Promise<void>;
  seek(positionMs: number): Promise<void>;
  stop(): Promise<void>;
}

export interface Presenting {
  readonly current: FilePresentation | null;
  /** Whether `current` is ours: only who presents turns pages and stops. */
  readonly own: boolean;
  /** Whether we may present now: permission SHARE_FILE, and nobody else presents. */
  readonly permitted: boolean;
  /** The address of a page's image. */
  address(page: FilePage): string;
  /** Shows a PDF, PNG, JPEG, WebP or GIF to all; resolves when its pages are there. */
  start(file: File): Promise<FilePresentation>;
  turn(page: number): Promise<void>;
  stop(): Promise<void>;
}

export interface JoinOptions {
  /** http(s)://HOST/rooms/NAME; the page's own address by default. */
  url?: string;
  name: string;
  type?: 'user' | 'listener';
  externalId?: string;
  avatarUrl?: string;
  codec?: Codec;
  /** Where access control is on. */
  conferenceAccessToken?: string;
}

export interface ReplayOptions extends Partial<Omit<JoinOptions, 'type'>> {
  /** Milliseconds from the recording's start. */
  offset?: number;
}

/** true, false, a device's id, constraints, or a track. */
export type MediaChoice = boolean | string | MediaTrackConstraints | MediaStreamTrack;

export interface RecordingStatus {
  /** null when no participant has started it. */
  participantId: string | null;
  /** Milliseconds since 1970 UTC. */
  startTimestamp: number;
}

export interface RecordingEvents {
  statusUpdated: CustomEvent<{ isRecording: boolean; recording: RecordingStatus | null }>;
  failed: CustomEvent<{ message: string }>;
}

export class Recording extends EventTarget {
  private constructor();
  /** The recording that goes on, null without one and while it is paused. */
  readonly current: RecordingStatus | null;
  readonly paused: boolean;
  /** Whether the server records and we have the permission RECORD. */
  readonly permitted: boolean;
  /** Resolves when the server has begun to; 'statusUpdated' follows. */
  start(): Promise<void>;
  stop(): Promise<void>;
  addEventListener<K extends keyof RecordingEvents>(
    type: K,
    listener: (event: RecordingEvents[K]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

export interface ConferenceEvents {
  /** After `state` has changed; type 'state' after a reconnection. */
  change: CustomEvent<{ type: string; data: unknown }>;
  media: CustomEvent<{ streamId: string; mediaStream: MediaStream | null }>;
  local: CustomEvent<{ name: StreamName; mediaStream: MediaStream | null }>;
  connection: CustomEvent<{ status: 'connecting' | 'connected' | 'reconnecting' | 'ended' }>;
  permissionsUpdated: CustomEvent<{ permissions: Set<Permission> }>;
  message: CustomEvent<{ from: string; message: string; participantId?: string }>;
  /** 'left' (we did), 'kicked', 'refused' (not let in again after a loss), 'ended', 'empty', … */
  ended: CustomEvent<{ reason: string }>;
}

/** Permissions by external id. */
export type Granted = Record<string, { permissions: Permission[] }>;

export class Conference extends EventTarget {
  constructor(options: JoinOptions);
  readonly state: State;
  readonly participantId: string;
  readonly status: 'connecting' | 'connected' | 'reconnecting' | 'ended';
  readonly local: { camera: MediaStream | null; screen: MediaStream | null };
  readonly muted: { audio: boolean; video: boolean };
  readonly permissions: Set<Permission>;
  readonly capabilities: { recording?: boolean; replay?: boolean };
  readonly recording: Recording;
  readonly presenting: Presenting;
  readonly screening: Screening;

  /** `join` calls it. */
  start(): Promise<void>;
  mediaStream(streamId: string): MediaStream | null;
  publishCamera(what?: { audio?: MediaChoice; video?: MediaChoice }): Promise<void>;
  shareScreen(stream?: MediaStream | null): Promise<MediaStream>;
  stopScreen(): void;
  mute(changes: { audio?: boolean; video?: boolean }): Promise<void>;
  useDevices(ids: { audio?: string; video?: string }): Promise<void>;
  leave(): Promise<void>;
  /** Ends the conference for everybody. */
  end(): Promise<void>;
  /** Replays this conference's recording in a new conference, which is joined as a listener. */
  replay(offset?: number, options?: Partial<JoinOptions>): Promise<Conference>;
  /** To participants by id, or to everybody. Needs SEND_MESSAGE. */
  send(message: string, to?: string[]): Promise<void>;
  /** Needs KICK. */
  kick(participantId: string): Promise<void>;
  /** Needs UPDATE_PERMISSIONS; nobody gives more than they have. */
  updatePermissions(participants: Granted): Promise<void>;
  /** Conference access tokens by external id. Needs INVITE; nobody gives more than they have. */
  invite(participants: Granted): Promise<Record<string, string>>;

  addEventListener<K extends keyof ConferenceEvents>(
    type: K,
    listener: (event: ConferenceEvents[K]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

/** Rejects with the server's reason; `status` of the error is HTTP's. */
export function join(options: JoinOptions): Promise<Conference>;
/** Also of a conference that has ended. */
export function replay(options: ReplayOptions): Promise<Conference>;
/** Every stream of a state with whose it is. */
export function allStreams(state: State): { participant: Participant; stream: Stream }[];
export function mediaConstraints(what: {
  audio?: MediaChoice;
  video?: MediaChoice;
}): MediaStreamConstraints;
