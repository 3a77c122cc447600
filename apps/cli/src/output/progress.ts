import type { Sink } from "./sink.js";

/** What goes on while a command waits: a line that changes on a terminal, elsewhere a line for each change. */
export interface Progress {
  show(text: string): void;
  /** Takes the changing line away again. */
  end(): void;
}

export function createProgress(sink: Sink, quiet: boolean): Progress {
  let last = "";
  const clear = sink.isTTY === true && !quiet ? "\r\u001b[K" : "";
  return {
    show(text) {
      if (quiet || text === last) return;
      last = text;
      sink.write(clear === "" ? `${text}\n` : `${clear}${text}`);
    },
    end() {
      if (clear !== "" && last !== "") sink.write(clear);
      last = "";
    },
  };
}
