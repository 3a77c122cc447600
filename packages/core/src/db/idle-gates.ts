/** Of a gate `g`: nothing is under way or waits, it isn't paused, and nobody holds it. */
export const IDLE =
  "g.head = g.tail and not g.paused and (g.lease_until is null or g.lease_until <= clock_timestamp())";
