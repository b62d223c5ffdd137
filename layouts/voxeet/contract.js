/**
 * The seed platform's page contract: a page has hidden inputs and a button to join or to replay the
 * conference, and says by two elements that it has started and ended. Here is the platform's side.
 *
 * `act()` is called before each step of the page, `look()` after it (`__mixerVoxeet`, not enumerable).
 * Some pages have the element of the start from the beginning, others take inputs and buttons away with
 * it: it counts from the click on, and nothing is looked for in the page's form after that.
 */

const BUTTONS = { live: 'joinConference', replay: 'replayConference' };
const STARTED = 'conferenceStartedVoxeet';
const ENDED = 'conferenceEndedVoxeet';
const base64url = (value) => btoa(JSON.stringify(value)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
// Looks like a token, opens nothing: pages hand it to the stand-in, which asks for none.
const NO_TOKEN = `${base64url({ alg: 'none' })}.${base64url({ sub: 'mixer', exp: 4102444800 })}.none`;

const form = {
  isSeen: false, // in the step before
  clicked: null, // the button's id
  isStarted: false,
  isEnded: false,
  hadEnded: false,
};
const byId = (id) => document.getElementById(id);

function values() {
  const { parameters, state } = layout;
  return {
    accessToken: NO_TOKEN,
    refreshToken: NO_TOKEN,
    refreshUrl: 'https://layout.localhost',
    catToken: '', // the conference is not protected: pages look at its length
    conferenceId: state.conference.id,
    thirdPartyId: String(parameters.thirdPartyId ?? 'mixer'),
    layoutType: String(parameters.layoutType ?? 'record'),
    userData: String(parameters.userData ?? ''),
    language: '', // any other is the language of an interpreted conference
    mediaRecorderUrl: '',
  };
}

function button() {
  const [first, second] = layout.parameters.layoutType === 'replay'
    ? [BUTTONS.replay, BUTTONS.live] : [BUTTONS.live, BUTTONS.replay];
  return byId(first) ?? byId(second);
}

const inputs = () => Object.keys(values()).map(byId).filter((element) => element instanceof HTMLInputElement);
const hasForm = () => button() !== null && (inputs().length > 0 || joining.sdk !== null);

function fillAndClick() {
  const given = values();
  for (const input of inputs()) input.value = given[input.id];
  const found = button();
  form.clicked = found.id;
  form.hadEnded = byId(ENDED) !== null;
  found.click();
}

/** Why the page is not ready yet, in words for its developer; '' when it is. */
function awaits() {
  if (form.isStarted || (form.clicked === null && joining.isJoined)) return '';
  if (form.clicked !== null) return `#${STARTED} has not appeared since #${form.clicked} was clicked`;
  if (hasForm()) return `#${button().id} is there, but the page has not loaded yet`;
  return `the page uses VoxeetSDK, but has neither joined a conference nor a #${BUTTONS.live} to click`;
}

Object.defineProperty(window, '__mixerVoxeet', {
  enumerable: false,
  value: {
    act() {
      if (form.clicked !== null || document.readyState !== 'complete') return;
      if (form.isSeen && hasForm()) fillAndClick();
      form.isSeen = hasForm();
    },
    /** `concerned`: the page is of that platform; then it is ready by this and by nothing else. */
    look() {
      form.isStarted ||= form.clicked !== null && byId(STARTED) !== null;
      form.hadEnded &&= byId(ENDED) !== null;
      form.isEnded ||= form.isStarted && !form.hadEnded && byId(ENDED) !== null;
      const concerned = form.clicked !== null || joining.sdk !== null || hasForm();
      return { concerned, ready: !concerned || awaits() === '', finished: form.isEnded, awaits: concerned ? awaits() : '' };
    },
  },
});
layout.host.touched = false;
