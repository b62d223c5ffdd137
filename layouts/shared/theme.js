/**
 * What the layout's query asks of the look of a built-in layout: `speaker?background=%23f4f1ea&names=off`.
 * docs/layouts.md has the list. A value that makes no sense is left out, with a warning.
 */
'use strict';

const Theme = (() => {
  const PATIENCE_MS = 3000; // of the page's time, for a logo and a background picture
  const DARK_INK = '#1c2128';
  const LIGHT_INK = '#e6e9ee';
  const COLOURS = { text: '--ink', tile: '--tile', accent: '--accent' };
  const SWITCHES = { on: true, true: true, yes: true, 1: true, off: false, false: false, no: false, 0: false };
  const LONGEST_TITLE = 200; // characters

  const warn = (name, value, wanted) =>
    console.warn(`layout parameter ${name}=${String(value).slice(0, 80)} is left out: ${wanted}`);

  /** A CSS colour from `red`, `#123`, `112233`, `rgb(…)`; '' if it is none of its own. */
  function colourOf(text) {
    const value = /^([0-9a-f]{3,4}){1,2}$/i.test(text) ? `#${text}` : text;
    const isOwn = !/var\(|currentcolor|inherit|initial|unset|revert/i.test(value);
    return isOwn && CSS.supports('color', value) ? value : '';
  }

  /** Red, green, blue of a CSS colour, 0..1 (nothing is painted to find out). */
  function channels(colour) {
    const probe = document.createElement('i');
    probe.style.color = `color-mix(in srgb, ${colour}, ${colour})`;
    document.body.append(probe);
    const numbers = getComputedStyle(probe).color.match(/-?[\d.]+(e-?\d+)?/g) ?? [0, 0, 0];
    probe.remove();
    return numbers.slice(0, 3).map(Number);
  }

  /** Whether dark text is the more readable on it (relative luminance of WCAG 2, 1.4.3). */
  function isLight(colour) {
    const [red, green, blue] = channels(colour).map((value) =>
      (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.22;
  }

  /** The address of a picture if it is one that a page may load, else ''. */
  function pictureAddress(text) {
    if (!text) return ''; // else it would be the page's own address
    try {
      const url = new URL(text, document.baseURI);
      const isPicture = ['http:', 'https:', 'blob:'].includes(url.protocol) || /^data:image\//i.test(text);
      return isPicture ? url.href : '';
    } catch {
      return '';
    }
  }

  const looksLikeAddress = (text) => /^(https?|data|blob):|[/.]/i.test(text);

  /** Resolves with the picture, or with null and a warning; after PATIENCE_MS it is done without. */
  function picture(name, address) {
    return new Promise((done) => {
      const image = new Image();
      const without = (why) => {
        warn(name, address, why);
        done(null);
      };
      const late = setTimeout(() => without('the picture did not come in time'), PATIENCE_MS);
      image.alt = '';
      image.referrerPolicy = 'no-referrer';
      image.onload = () => { clearTimeout(late); done(image); };
      image.onerror = () => { clearTimeout(late); without('the picture cannot be loaded'); };
      image.src = address;
    });
  }

  // ---- one parameter each: what it does to the stage, and what is to be waited for ---------------

  function paintPage(stage, colour) {
    const isOnLight = isLight(colour);
    stage.style.setProperty('--page', colour);
    stage.style.setProperty('--page-ink', isOnLight ? DARK_INK : LIGHT_INK);
    stage.style.setProperty('--tile', `color-mix(in srgb, ${colour}, ${isOnLight ? 'black' : 'white'} 8%)`);
  }

  function background(stage, value) {
    const colour = colourOf(value);
    if (colour) return void paintPage(stage, colour);
    const address = looksLikeAddress(value) ? pictureAddress(value) : '';
    if (!address) return void warn('background', value, 'it is neither a colour nor the address of a picture');
    return picture('background', address).then((image) => {
      if (image === null) return;
      stage.style.setProperty('--backdrop', `url(${JSON.stringify(image.src)})`);
      stage.dataset.backdrop = '';
    });
  }

  function logo(stage, value) {
    const address = pictureAddress(value);
    if (!address) return void warn('logo', value, 'it is no address of a picture');
    return picture('logo', address).then((image) => {
      if (image === null) return;
      image.id = 'logo';
      stage.append(image);
    });
  }

  function colour(stage, name, value) {
    const found = colourOf(value);
    if (!found) return warn(name, value, 'it is no colour');
    stage.style.setProperty(COLOURS[name], found);
    if (name === 'text') {
      stage.style.setProperty('--page-ink', found);
      stage.style.setProperty('--shade', isLight(found) ? 'rgb(16 19 24 / 66%)' : 'rgb(245 246 248 / 80%)');
    }
  }

  function names(stage, value) {
    const wanted = SWITCHES[String(value).toLowerCase()];
    if (wanted === undefined) return warn('names', value, 'it is neither on nor off');
    stage.dataset.names = wanted ? 'on' : 'off';
  }

  /** Lays the parameters over the stage. Resolves when its pictures are there or given up. */
  function apply(stage, parameters) {
    const given = (name) => typeof parameters[name] === 'string' && parameters[name] !== '';
    const pictures = [];
    if (given('background')) pictures.push(background(stage, parameters.background));
    for (const name of Object.keys(COLOURS)) if (given(name)) colour(stage, name, parameters[name]);
    if (given('names')) names(stage, parameters.names);
    if (given('logo')) pictures.push(logo(stage, parameters.logo));
    return pictures.filter(Boolean);
  }

  /** A whole number within bounds, or `otherwise`, with a warning if one was given that is not. */
  function number(parameters, name, { least, most, otherwise }) {
    if ((parameters[name] ?? '') === '') return otherwise;
    const value = Number(parameters[name]);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    warn(name, parameters[name], `it is no whole number from ${least} to ${most}`);
    return otherwise;
  }

  /** A line of text, '' if none was given. */
  const title = ({ title: text = '' }) => People.cleanName(text).slice(0, LONGEST_TITLE);

  return { apply, number, title, pictureAddress };
})();
