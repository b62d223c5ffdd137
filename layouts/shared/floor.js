/**
 * Who has the floor, and with it the large place: calm, and the same in every run.
 *
 * A pure reducer over the states that the page sees and the page's time (the recording's, in ms):
 * the same events at the same times give the same choice. `order` has the large one first; whoever
 * takes the floor changes places with whoever had it, so nobody else moves.
 */
'use strict';

const Floor = (() => {
  const HOLD_MS = 3000; // the large one stays at least that long
  const RISE_MS = 700; // so long somebody speaks before the silent large one makes room
  const OVER_MS = 4000; // and so long over the large one's own words

  const EMPTY = Object.freeze({ order: [], since: -Infinity, began: new Map(), spoke: false, due: null });

  const isSeen = (participant) =>
    participant.streams.some(({ type, video }) =>
      type === 'Camera' && video !== null && video.available && !video.muted);

  /** Since when each one who speaks has been speaking. */
  function beginnings(people, known, nowMs) {
    return new Map(people.filter(({ speaking }) => speaking)
      .map(({ id }) => [id, known.get(id) ?? nowMs]));
  }

  /** When each of the others may take the floor if nothing else happens, the earliest first. */
  function claims(people, { order: [large], since, began, spoke }) {
    const speaksOn = began.has(large);
    const others = people.filter(({ id }) => id !== large && began.has(id))
      .filter(({ id }) => !speaksOn || began.get(id) > since)
      .map(({ id }) => ({ id, at: Math.max(since + HOLD_MS, began.get(id) + (speaksOn ? OVER_MS : RISE_MS)) }));
    if (others.length === 0 && !spoke && !speaksOn && !isSeen(people.find(({ id }) => id === large))) {
      const seen = people.find(isSeen); // nobody to listen to: somebody to look at
      if (seen) others.push({ id: seen.id, at: since + HOLD_MS });
    }
    return others.sort((a, b) => a.at - b.at);
  }

  /** Who follows when the large one has gone: who speaks, else who is seen, else who is next. */
  function successor(people, order, began) {
    const speakers = order.filter((id) => began.has(id)).sort((a, b) => began.get(a) - began.get(b));
    const seen = order.find((id) => isSeen(people.find((one) => one.id === id)));
    return speakers[0] ?? seen ?? order[0];
  }

  function exchanged(order, id) {
    const place = order.indexOf(id);
    return order.with(place, order[0]).with(0, id);
  }

  /** Everybody who is still there, in their places, and who has come. */
  function present(order, people) {
    const here = new Set(people.map(({ id }) => id));
    const known = new Set(order);
    return [...order.filter((id) => here.has(id)), ...people.map(({ id }) => id).filter((id) => !known.has(id))];
  }

  /** The memory after the state's people have been seen at a time. */
  function after(memory, people, nowMs) {
    const order = present(memory.order, people);
    const began = beginnings(people, memory.began, nowMs);
    if (order.length === 0) return EMPTY;
    const large = memory.order[0];
    let next = { ...memory, order, began };
    if (!order.includes(large)) {
      next = { ...next, order: exchanged(order, successor(people, order, began)), since: nowMs, spoke: false };
    }
    next.spoke ||= began.has(next.order[0]);
    const [claim] = claims(people, next);
    if (claim === undefined || claim.at > nowMs) return { ...next, due: claim?.at ?? null };
    const taken = { ...next, order: exchanged(next.order, claim.id), since: nowMs, spoke: began.has(claim.id) };
    return { ...taken, due: claims(people, taken)[0]?.at ?? null };
  }

  return { EMPTY, after, due: ({ due }) => due };
})();
