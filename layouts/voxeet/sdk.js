/**
 * The global `VoxeetSDK`, made when a page first looks for it, and `navigator.attachMediaStream`.
 *
 * A page's own copy of the real SDK does not replace it: that one could reach nobody any more.
 */

const joining = { sdk: null, isJoined: false }; // what contract.js wants to know

class SessionService extends Emitter {
  participant = null;

  open(info = {}) {
    this.participant = Object.assign(new Participant('mixer'),
      { info: { name: '', externalId: '', avatarUrl: '', ...info }, type: 'mixer', status: 'Connected' });
    this.emit('updated', this.participant);
    return Promise.resolve();
  }

  isOpen() { return this.participant !== null; }

  close() {
    this.participant = null;
    return Promise.resolve();
  }
}

/** Never tells of a stop: a page that leaves then would blank the end of a recording that goes on. */
class RecordingService extends Emitter {
  get current() {
    const { active, startedAt } = layout.state.recording;
    return active ? { participantId: 'mixer', startTimestamp: startedAt } : null;
  }
}
withoutEffect(RecordingService.prototype, 'start', 'stop');

class CommandService extends Emitter {}
withoutEffect(CommandService.prototype, 'send');

class OtherService extends Emitter {}
withoutEffect(OtherService.prototype, 'enumerateAudioDevices', 'enumerateVideoDevices', 'getAudioProcessing',
  'invite', 'selectAudioInput', 'selectAudioOutput', 'selectVideoInput', 'start', 'stop', 'subscribe', 'unsubscribe');

function created() {
  const session = new SessionService();
  const filePresentation = new FilePresentationService();
  const videoPresentation = new VideoPresentationService();
  const conference = new ConferenceService([filePresentation, videoPresentation]);
  conference.on('joined', () => { joining.isJoined = true; });
  const other = () => new OtherService();
  const media = () => Object.assign(other(), { local: other(), remote: other() });
  const sdk = { session, conference, filePresentation, videoPresentation,
    recording: new RecordingService(), command: new CommandService(), notification: other(),
    mediaDevice: other(), subscription: other(), audio: media(), video: media(),
    version: '3.11.1', packageUrlPrefix: '',
    initialize: () => {},
    initializeToken: (token) => token };
  sdk.default = sdk; // as some bundlers look at a global
  return sdk;
}

Object.defineProperty(window, 'VoxeetSDK', {
  configurable: true,
  enumerable: false,
  get() { return joining.sdk ??= created(); },
  set() {},
});
Object.defineProperty(navigator, 'attachMediaStream', {
  configurable: true,
  writable: true,
  value(element, stream) {
    element.srcObject = stream ?? null;
    return element;
  },
});
