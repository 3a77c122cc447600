import { closeSync, openSync, writeSync } from "node:fs";

/** A file of JSON lines, each written before the next thing happens. */
export interface Journal {
  write(line: object): void;
  close(): void;
}

export function openJournal(path: string): Journal {
  const file = openSync(path, "a", 0o600);
  let open = true;
  return {
    write(line) {
      // A request that ends after the run has.
      if (open) writeSync(file, `${JSON.stringify(line)}\n`);
    },
    close() {
      if (open) closeSync(file);
      open = false;
    },
  };
}
