import { event } from "./event-rule.js";

const CONTACT = ["place", "backend", "worker", "identity", "recorded", "problem"] as const;

/** What happens to places. */
export const PLACE_EVENTS = {
  "place.identified": event("a place's identity was recorded", [
    "place",
    "backend",
    "identity",
    "confirmed_by",
  ]),
  "place.confirmed": event("somebody said which one a place is, so that its word counts", [
    "place",
    "backend",
    "identity",
    "recorded",
    "requested_by",
  ]),
  "place.changed": event("somebody changed what a place takes", [
    "place",
    "backend",
    "fields",
    "requested_by",
  ]),
  "place.draining": event("somebody wants a place empty of what may leave it", [
    "place",
    "backend",
    "leaving",
    "staying",
    "requested_by",
  ]),
  "place.lost": event("somebody said that a place is gone for good", [
    "place",
    "backend",
    "why",
    "requested_by",
  ]),
  "place.reached": event("a worker reaches a place again", CONTACT),
  "place.mismatch": event("a worker reaches another place than the one meant, and touches nothing", CONTACT),
  "place.unconfirmed": event("an operator must say whether a place is the one meant", CONTACT),
  "place.shared": event("another installation of the same deployment's name has things in a place", [
    "place",
    "backend",
    "installation",
    "things",
    "why",
  ]),
  "place.copied": event(
    "a copy of this installation's database works in a place, or has been started there",
    CONTACT,
  ),
  "place.unreachable": event("a worker can't reach a place", CONTACT),
} as const;
