/**
 * Seats: who sits where when somebody is large. The first seat is the large one.
 *
 * Who is large is `mixerLayout.activeSpeaker`, which stays for a while whatever is said between;
 * whoever takes over changes seats with whoever had it, so that nobody else moves.
 */
'use strict';

const Seats = (() => {
  /** Everybody who is still there, in their seats, then who has come. */
  function taken(seats, people) {
    const here = new Set(people.map(({ id }) => id));
    const known = new Set(seats);
    return [...seats.filter((id) => here.has(id)), ...[...here].filter((id) => !known.has(id))];
  }

  /** The seats after a change: ids of these participants, `large` first if that is one of them. */
  function after(seats, people, large) {
    const next = taken(seats, people);
    const place = next.indexOf(large);
    return place > 0 ? next.with(place, next[0]).with(0, large) : next;
  }

  return { after };
})();
