import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";

/** Where systemd and D-Bus keep the id of an installation of the system. */
const FILES = ["/etc/machine-id", "/var/lib/dbus/machine-id"];

/** Names the machine; `-` where nothing does that outlives a restart, as in containers and on macOS. */
export async function machineId(): Promise<string> {
  for (const file of FILES) {
    const id = (await readFile(file, "utf8").catch(() => "")).trim();
    // Only its digest leaves the machine: machine-id(5) asks for that.
    if (id !== "") return createHash("sha256").update(`berth:${id}`).digest("hex").slice(0, 12);
  }
  return "-";
}
