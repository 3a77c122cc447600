import type { Notes } from "../notes.js";
import { ask, demand } from "./ask.js";
import type { DockerClient } from "./client.js";

/** Whose note it is: not the label by which what Berth has made is listed. */
const OF = "berth.note.of";
const ROLE = "berth.note.role";
const NOTE = "berth.note";

/** See `Notes`: volumes without anything in them, since no label of one can be changed. One is made every 30 s. */
export function notesOfDaemon(client: DockerClient): Notes {
  const { installationId } = client;
  const remove = async (name: string, signal: AbortSignal): Promise<void> => {
    await ask(client, `remove volume ${name}`, { signal, expects: [404, 409], reply: "any" }, (abortSignal) =>
      client.docker.getVolume(name).remove({ abortSignal }),
    );
  };
  const list = async (role: string, signal: AbortSignal): Promise<{ name: string; note: string }[]> => {
    const { Volumes: volumes } = await demand(client, "list notes", { signal }, (abortSignal) =>
      client.docker.listVolumes({
        filters: { label: [`${OF}=${installationId}`, `${ROLE}=${role}`] },
        abortSignal,
      }),
    );
    return (volumes ?? []).flatMap(({ Name: name, Labels }) => {
      const labels = Labels as Record<string, string> | null;
      const note = labels?.[NOTE];
      // To Podman one label of several is enough.
      const isMeant = labels?.[OF] === installationId && labels[ROLE] === role;
      return note === undefined || !isMeant ? [] : { name, note };
    });
  };
  return {
    async read(role, signal) {
      return (await list(role, signal)).map(({ note }) => note);
    },
    async leave(role, note, signal) {
      const others = (await list(role, signal)).filter((one) => one.note !== note);
      if (note !== null) {
        const name = `berth-note-${role}-${note}`;
        const labels = { [OF]: installationId, [ROLE]: role, [NOTE]: note };
        await demand(client, `create volume ${name}`, { signal }, (abortSignal) =>
          client.docker.createVolume({ Name: name, Driver: "local", Labels: labels, abortSignal }),
        );
      }
      for (const { name } of others) await remove(name, signal);
    },
  };
}
