import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/**
 * `cut`: connections are reset and new ones too. `slow`: each packet waits. `half-open`: connections stay, and
 * nothing gets through until it ends. `one-way`: requests get through, their answers don't until it ends.
 */
export type LinkMode = "open" | "cut" | "slow" | "half-open" | "one-way";

/** A connection, by TCP at its near end, between two parts of the fleet that can be broken. */
export interface Link {
  readonly name: string;
  readonly port: number;
  set(mode: LinkMode): void;
  close(): Promise<void>;
}

const SLOW_MS = 150;

/** A port of the loopback, or the path of a Unix socket. */
export type LinkTarget = number | string;

/** @param targets connected to one after the other until one answers; the first moves on by one each time. */
export async function openLink(name: string, targets: readonly LinkTarget[]): Promise<Link> {
  let mode: LinkMode = "open";
  let turn = 0;
  const pairs = new Set<Pair>();
  const server = createServer({ pauseOnConnect: true, noDelay: true }, (client) => {
    client.on("error", () => undefined);
    if (mode === "cut") return reset(client);
    const first = turn++;
    const pair = join(client, () => mode);
    pairs.add(pair);
    client.on("close", () => pairs.delete(pair));
    const reach = async () => {
      for (let n = 0; n < targets.length && !client.destroyed; n++) {
        const target = await reached(targets[(first + n) % targets.length]!);
        if (target !== null) return pair.joined(target);
      }
      reset(client);
    };
    pair.waiting = () => void reach();
    pair.flow();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    name,
    port: (server.address() as AddressInfo).port,
    set(next) {
      mode = next;
      for (const pair of pairs)
        if (next === "cut") pair.reset();
        else pair.flow();
    },
    async close() {
      for (const pair of pairs) pair.reset();
      const closed = once(server, "close");
      server.close();
      await closed;
    },
  };
}

interface Pair {
  /** What is done once packets may go to the target: it is connected to. */
  waiting: (() => void) | null;
  joined(target: Socket): void;
  /** Lets through what the mode lets through. */
  flow(): void;
  reset(): void;
}

function join(client: Socket, mode: () => LinkMode): Pair {
  const there = () => mode() !== "half-open";
  const back = () => there() && mode() !== "one-way";
  let directions: Direction[] | null = null;
  const pair: Pair = {
    waiting: null,
    joined(target) {
      if (client.destroyed) return void target.destroy();
      target.on("close", () => client.destroy());
      client.on("close", () => target.destroy());
      directions = [carry(client, target, there, mode), carry(target, client, back, mode)];
      pair.flow();
    },
    flow() {
      for (const direction of directions ?? []) direction();
      if (directions !== null || !there()) return;
      pair.waiting?.();
      pair.waiting = null;
    },
    reset: () => reset(client),
  };
  return pair;
}

/** Reads on, if it may. */
type Direction = () => void;

function carry(from: Socket, to: Socket, open: () => boolean, mode: () => LinkMode): Direction {
  // One chunk at a time, so that a slow one isn't overtaken.
  let carrying = false;
  const flow = () => {
    if (open() && !carrying) from.resume();
    else from.pause();
  };
  from.on("data", (chunk) => {
    carrying = true;
    flow();
    const on = () => {
      if (to.destroyed) return;
      to.write(chunk, () => {
        carrying = false;
        flow();
      });
    };
    if (mode() === "slow") setTimeout(on, SLOW_MS);
    else on();
  });
  from.on("end", () => to.end());
  return flow;
}

/** Node keeps the handle of a socket for ever that is reset while its end is being sent. */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

async function reached(target: LinkTarget): Promise<Socket | null> {
  const socket = connect(
    typeof target === "string" ? { path: target } : { port: target, host: "127.0.0.1", noDelay: true },
  );
  socket.pause();
  return new Promise((resolve) => {
    socket.once("connect", () => resolve(socket));
    socket.on("error", () => resolve(null));
  });
}
