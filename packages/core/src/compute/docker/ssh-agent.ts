import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { Agent } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import type { Duplex } from "node:stream";
import { callbackify } from "node:util";
import { until } from "../../base/until.js";

/** A daemon's socket on another machine, to be reached over SSH. */
export interface SshTarget {
  /** As ssh takes it: an address, or a `Host` of its configuration. */
  readonly host: string;
  readonly user?: string | undefined;
  readonly port?: number | undefined;
  /** Of the daemon, on that machine. */
  readonly socketPath: string;
  /** A file in place of `~/.ssh/config`. */
  readonly config?: string | undefined;
}

/** How long ssh may take to be let in, in ms. */
const LET_IN_WITHIN_MS = 15_000;
/** ssh's own: a password can't be asked for, and a machine that answers no more is left after 15 s. */
const OPTIONS = [
  "BatchMode=yes",
  "ConnectTimeout=10",
  "ExitOnForwardFailure=yes",
  "ServerAliveInterval=5",
  "ServerAliveCountMax=3",
  "StreamLocalBindMask=0177",
].flatMap((option) => ["-o", option]);
/** ssh that ends with this process, however that ends: then nobody holds the other end of its standard input. */
const WITH_US = 'exec 3<&0; (read -r _ <&3; kill $$) >/dev/null 2>&1 & exec ssh "$@" </dev/null 3<&-';
const LONGEST_WORDS = 2_000;

/** ssh isn't let in, or has ended. */
export class SshError extends Error {
  override readonly name = "SshError";
}

/** One ssh, and the socket of this machine that it carries on. */
interface Way {
  readonly socketPath: string;
  end(): void;
}

/**
 * Connects over one ssh a daemon, which is the machine's own program with the user's configuration, keys and known hosts. Each
 * connection is one to the daemon's socket over there. ssh is begun by the first of them, and anew by the next one after
 * it has ended.
 */
export class SshAgent extends Agent {
  readonly #target: SshTarget;
  #way: Promise<Way> | null = null;

  constructor(target: SshTarget) {
    super();
    this.#target = target;
  }

  override createConnection(
    _options: unknown,
    done?: (error: Error | null, stream: Duplex) => void,
  ): Duplex | null | undefined {
    const connected = callbackify(async (): Promise<Duplex> => connect((await this.#open()).socketPath));
    connected((error, stream) => done?.(error, stream));
    return undefined;
  }

  override destroy(): void {
    super.destroy();
    void this.#way?.then(
      (way) => way.end(),
      () => undefined,
    );
    this.#way = Promise.reject(new SshError(`ssh ${this.#target.host}: is closed`));
    this.#way.catch(() => undefined);
  }

  #open(): Promise<Way> {
    if (this.#way !== null) return this.#way;
    const forget = (): void => {
      if (this.#way === way) this.#way = null;
    };
    const way = openWay(this.#target, forget);
    this.#way = way;
    way.catch(forget);
    return way;
  }
}

/** @throws SshError with the last words of ssh */
async function openWay({ host, user, port, socketPath, config }: SshTarget, onEnd: () => void): Promise<Way> {
  const directory = await mkdtemp(`${tmpdir()}/berth-ssh-`);
  const near = `${directory}/docker.sock`;
  const given = [
    ...(config === undefined ? [] : ["-F", config]),
    ...(user === undefined ? [] : ["-l", user]),
    ...(port === undefined ? [] : ["-p", String(port)]),
  ];
  const ssh = spawn(
    "sh",
    ["-c", WITH_US, "sh", "-NT", ...OPTIONS, ...given, "-L", `${near}:${socketPath}`, "--", host],
    {
      stdio: ["pipe", "ignore", "pipe"],
    },
  );
  const said = lastWordsOf(ssh);
  const isOver = (): boolean => ssh.exitCode !== null || ssh.signalCode !== null;
  ssh.once("exit", () => {
    ssh.stdin?.end();
    onEnd();
    void rm(directory, { recursive: true, force: true });
  });
  const end = (): void => void ssh.kill();
  const pace = { limitMs: LET_IN_WITHIN_MS, firstMs: 20, longestMs: 100 };
  await until(pace, async () => (existsSync(near) || isOver() ? true : null));
  if (existsSync(near) && !isOver()) return { socketPath: near, end };
  end();
  throw new SshError(`ssh ${host}: ${said() || `no answer within ${LET_IN_WITHIN_MS} ms`}`);
}

/** The last line that it has written: the others say where it stands in which file. */
function lastWordsOf(ssh: ChildProcess): () => string {
  let words = "";
  const hear = (text: string): void => void (words = (words + text).slice(-LONGEST_WORDS));
  ssh.stderr?.setEncoding("utf8").on("data", hear);
  ssh.once("error", ({ message }) => hear(message));
  return () =>
    words
      .trim()
      .split("\n")
      .at(-1)!
      .trim()
      .replace(/^ssh: /, "");
}
