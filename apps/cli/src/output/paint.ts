const CODES = { red: 31, green: 32, yellow: 33, blue: 34, dim: 2, bold: 1 } as const;
export type Colour = keyof typeof CODES;
/** Colours a text, where colours are wanted. */
export interface Paint {
  (colour: Colour | null, text: string): string;
  /** How many characters a line of the terminal has; null: no terminal, or none that says so. */
  readonly width: number | null;
}

export function createPaint({ colours, width }: { colours: boolean; width: number | null }): Paint {
  const paint = (colour: Colour | null, text: string): string =>
    colours && colour !== null ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text;
  return Object.assign(paint, { width });
}

const COLOURS: Readonly<Record<string, Colour>> = {
  online: "green",
  succeeded: "green",
  finished: "green",
  ok: "green",
  delivered: "green",
  enabled: "green",
  provisioning: "yellow",
  awaiting_agent: "yellow",
  degraded: "yellow",
  running: "yellow",
  queued: "yellow",
  held: "yellow",
  pending: "yellow",
  failed: "red",
  offline: "red",
  silent: "red",
  refused: "red",
  failing: "red",
  dead: "red",
  paused: "blue",
  hibernated: "blue",
  removed: "dim",
  disabled: "dim",
  cancelled: "dim",
};

/** The colour of a status or state. */
export function colourOf(state: string): Colour | null {
  return COLOURS[state] ?? null;
}
