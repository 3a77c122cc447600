import type { DockerEvent, ProviderCall } from "./record.js";

/**
 * What a database leaves at its places to be told from copies of it (docs/adr/0015): of no workspace, at no cost, and of each
 * installation by itself. The record goes without.
 */
export function isNoteVolume(name: string): boolean {
  return name.startsWith("berth-note-");
}

export function isOfNotes({ type, id }: Pick<DockerEvent, "type" | "id">): boolean {
  return type === "volume" && isNoteVolume(id);
}

/** On EC2 a launch template holds them, and nothing else is done to one. */
export function isNoteCall({ effect }: Pick<ProviderCall, "effect">): boolean {
  return /^(created|tagged) lt-[0-9a-f]+$/.test(effect);
}
