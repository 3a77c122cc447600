/** A place as the choice of one sees it. */
export interface Candidate {
  name: string;
  labels: Readonly<Record<string, string>>;
  /** How many workspaces may hold something there; null: any number. */
  capacity: number | null;
  weight: number;
  cordoned: boolean;
  lost: boolean;
  /** A live worker reaches it, and it is the one meant. */
  served: boolean;
  /** A worker has reached it at least once. */
  known: boolean;
}

/** What a place has now. */
export interface Load {
  /** Workspaces that run, or should. */
  running: number;
  /** Workspaces of which something may be there, paused ones and what isn't proven gone too. */
  held: number;
}

/** Why a place takes no new workspace with these rules, as a sentence goes on after its name; null: it may. */
export function refusesAll(place: Candidate, labels: Readonly<Record<string, string>>): string | null {
  if (place.lost) return "was given up";
  if (place.cordoned) return "is cordoned";
  const other = Object.entries(labels).find(([key, value]) => place.labels[key] !== value);
  if (other === undefined) return null;
  const [key, wanted] = other;
  const has = place.labels[key];
  return `has ${has === undefined ? `no label ${key}` : `the label ${key}:${has}`}, and ${key}:${wanted} is wanted`;
}

/**
 * Those of a backend that a workspace without a place of its own may go to: what a worker serves now. While none does, what
 * one has reached before; before that, the one named like its backend, else any.
 */
export function reachable(all: readonly Candidate[], backend: string): readonly Candidate[] {
  const places = all.filter((one) => !one.lost);
  const tiers = [
    places.filter((one) => one.served),
    places.filter((one) => one.known),
    places.filter((one) => one.name === backend),
  ];
  return tiers.find((tier) => tier.length > 0) ?? places;
}

/** The one with the fewest running by its weight, of those that have room; null: none has. */
export function leastLoaded<P extends Candidate & { load: Load }>(places: readonly P[]): P | null {
  const [first] = places
    .filter(hasRoom)
    // With the one to come: of two that are empty the heavier is first.
    .toSorted(
      (a, b) =>
        (a.load.running + 1) / a.weight - (b.load.running + 1) / b.weight || a.name.localeCompare(b.name),
    );
  return first ?? null;
}

export function hasRoom({ capacity, load }: Candidate & { load: Load }): boolean {
  return capacity === null || load.held < capacity;
}
