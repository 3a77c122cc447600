/** `at-work`: of the database that looks after the place; `waiting`: of one with the same id that found another at work. */
export type NoteRole = "at-work" | "waiting";

/**
 * What databases with this installation's id leave in a place to tell themselves from copies (docs/adr/0015). Things
 * of the backend's own that cost nothing and carry the installation's id; no list of what is owned has them.
 */
export interface Notes {
  /** Mostly none or one; two while one takes the other's place. @throws BackendError */
  read(role: NoteRole, signal: AbortSignal): Promise<string[]>;
  /** Leaves this note, and removes all others of its role; null: removes them all. @throws BackendError */
  leave(role: NoteRole, note: string | null, signal: AbortSignal): Promise<void>;
}
