import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "@berth/standalone/postgres/free-port";
import { vi } from "vitest";
import { ensureCommands, findCommand } from "./apt.js";
import { endProcessesNaming } from "./process-tree.js";

const exec = promisify(execFile);

export interface TestSshd {
  /** Its name in the configuration of ssh that lets one in. */
  readonly host: string;
  /** For `ssh -F`: this machine's user, a key that is let in, and the host's key as known. */
  readonly config: string;
  /** As `config`, where another key than the host's is known. */
  readonly configOfAnother: string;
  /** Ends the daemon, and all connections to it. */
  stop(): Promise<void>;
  start(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** An SSH daemon of this machine's own user, on a free port. Needs root. */
export async function startSshd(host: string): Promise<TestSshd> {
  // The package would start one for all who reach this machine: Debian's service leaves that be where this file is.
  if ((await findCommand("sshd")) === null) {
    await mkdir("/etc/ssh", { recursive: true });
    await writeFile(
      "/etc/ssh/sshd_not_to_be_run",
      "Installed for the tests of Berth, which start their own.\n",
    );
  }
  const { sshd: program } = await ensureCommands({ sshd: "openssh-server", ssh: "openssh-client" });
  await mkdir("/run/sshd", { recursive: true, mode: 0o755 });
  const root = await mkdtemp(join(tmpdir(), "sshd-"));
  const at = (name: string): string => join(root, name);
  for (const key of ["host", "other", "user"])
    await exec("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", key, "-f", at(key)]);
  const port = await freePort();
  const known = async (key: string) => `[127.0.0.1]:${port} ${await readFile(at(`${key}.pub`), "utf8")}`;
  await writeFile(at("authorized_keys"), await readFile(at("user.pub")));
  await writeFile(
    at("sshd_config"),
    `Port ${port}
ListenAddress 127.0.0.1
HostKey ${at("host")}
AuthorizedKeysFile ${at("authorized_keys")}
PidFile none
StrictModes no
PasswordAuthentication no
PermitRootLogin yes
UsePAM no
`,
  );
  for (const [name, key] of [
    ["config", "host"],
    ["config-of-another", "other"],
  ] as const) {
    await writeFile(at(`known-${key}`), await known(key));
    await writeFile(
      at(name),
      `Host ${host}
  HostName 127.0.0.1
  Port ${port}
  IdentityFile ${at("user")}
  IdentitiesOnly yes
  UserKnownHostsFile ${at(`known-${key}`)}
  StrictHostKeyChecking yes
  LogLevel ERROR
`,
    );
  }
  let end = async (): Promise<void> => undefined;
  const start = async (): Promise<void> => {
    const daemon = spawn(program, ["-D", "-f", at("sshd_config")], { stdio: "ignore" });
    const exited = once(daemon, "exit");
    end = async () => {
      await endProcessesNaming(at("sshd_config"));
      await exited;
    };
    await vi.waitFor(
      () =>
        new Promise<void>((resolve, reject) => {
          const socket = connect(port, "127.0.0.1", () => resolve(void socket.destroy()));
          socket.once("error", reject);
        }),
      { interval: 20 },
    );
  };
  await start();
  return {
    host,
    config: at("config"),
    configOfAnother: at("config-of-another"),
    stop: () => end(),
    start,
    [Symbol.asyncDispose]: async () => {
      await end();
      await rm(root, { recursive: true, force: true });
    },
  };
}
