import { randomUUID } from "node:crypto";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { NoteRole, Notes } from "../notes.js";
import { codeOf, type Places, unreachable } from "./places.js";

/** See `Notes`: a file for each role, beside the place's marker, which appears whole. */
export function notesOfMachine({ root, owner }: Places): Notes {
  const fileOf = (role: NoteRole): string => join(root, `${role}.${owner.installationId}`);
  return {
    async read(role) {
      try {
        const note = (await readFile(fileOf(role), "utf8")).trim();
        return note === "" ? [] : [note];
      } catch (error) {
        if (codeOf(error) === "ENOENT") return [];
        throw unreachable("read a note of this place", error);
      }
    },
    async leave(role, note) {
      const file = fileOf(role);
      try {
        if (note === null) return await rm(file, { force: true });
        const draft = `${file}.${randomUUID()}`;
        await writeFile(draft, `${note}\n`, { mode: 0o600 });
        await rename(draft, file);
      } catch (error) {
        throw unreachable("leave a note in this place", error);
      }
    },
  };
}
