import { appendFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createRandom } from "../random.js";
import { AGENT_COMMAND, AGENT_IMAGE } from "../fleet/docker.js";
import { type Ask, type CallerOptions, createCaller } from "./caller.js";

export interface ClientOptions extends Omit<CallerOptions, "random"> {
  seed: number;
  /** Workspaces that it has at most. */
  most: number;
  /** For the agents of its workspaces. */
  agentsFile: string;
  secretsFile: string;
  /** For the agents of its containers; null: it has none. */
  containerEnv: Readonly<Record<string, string>> | null;
  /** Of EC2. */
  places: readonly string[];
  /** One that all clients ask to restart, so that requests coalesce. */
  shared: { id: string | null };
  /** Nothing new is asked for once it is aborted; what was asked for is followed up, and agents go on beating. */
  stop: AbortSignal;
}

export interface RunningClient {
  /** Its last request has been answered, or given up. */
  asked: Promise<void>;
  /** Its agents beat no more. */
  ended: Promise<void>;
}

const WITHOUT_DOCKER = ["ec2", "ec2", "ec2", "process", "process", "external"];
const BACKENDS = [...WITHOUT_DOCKER, "docker", "docker"];
const THINK_MS = [150, 1_500] as const;
const BEAT_EVERY_MS = 5_000;
const AGENT = fileURLToPath(new URL("../fleet/agent.sh", import.meta.url));

/** One client, with workspaces of its own. */
export function runClient(options: ClientOptions): RunningClient {
  const random = createRandom(options.seed, options.client);
  const call = createCaller({ ...options, random });
  const mine = new Set<string>();
  const tokens = new Map<string, string>();
  let made = 0;

  const create = async () => {
    const backend = random.pick(options.containerEnv === null ? WITHOUT_DOCKER : BACKENDS);
    const parent = mine.size > 0 && random.chance(0.4) ? random.pick([...mine]) : null;
    const spec =
      backend === "process"
        ? {
            command: ["sh", AGENT],
            env: { HARNESS_AGENTS: options.agentsFile, HARNESS_SECRETS: options.secretsFile },
            readiness: "agent",
          }
        : backend === "docker"
          ? { image: AGENT_IMAGE, command: AGENT_COMMAND, env: options.containerEnv, readiness: "agent" }
          : backend === "ec2"
            ? { readiness: "running" }
            : {};
    const name = `${options.client}-w${++made}`;
    const place = backend === "ec2" ? { place: random.pick(options.places) } : {};
    const labels = { client: options.client };
    const { status, body } = await call({
      kind: "create",
      method: "POST",
      path: "/workspaces",
      body: { name, backend, parent_id: parent, labels, spec, ...place },
    });
    if (status < 200 || status >= 300) return;
    const id = body["id"] as string;
    mine.add(id);
    options.shared.id ??= backend === "ec2" ? id : null;
    if (typeof body["token"] === "string") {
      tokens.set(id, body["token"]);
      appendFileSync(options.secretsFile, `${body["token"]}\n`, { mode: 0o600 });
    }
  };

  const change = (kind: "restart" | "pause" | "resume" | "hibernate", id: string): Ask => ({
    kind,
    method: "POST",
    path: `/workspaces/${id}/${kind}`,
    workspace: id,
  });
  const remove = async (id: string) => {
    const { status } = await call({
      kind: "delete",
      method: "DELETE",
      path: `/workspaces/${id}?cascade=true`,
      workspace: id,
    });
    if (status === 202 || status === 200) forget(id);
  };
  const forget = (id: string) => {
    mine.delete(id);
    tokens.delete(id);
    if (options.shared.id === id) options.shared.id = null;
  };
  const read = (path: string) => call({ kind: "read", method: "GET", path });

  const act = async () => {
    const draw = random.fraction();
    if (mine.size === 0 || (draw < 0.3 && mine.size < options.most)) return create();
    const id = random.pick([...mine]);
    if (draw < 0.3) return remove(id);
    if (draw >= 0.85)
      return read(
        random.pick([`/workspaces/${id}`, `/workspaces/${id}/operations`, "/workspaces?limit=20", "/leaks"]),
      );
    const { shared } = options;
    const ask = draw >= 0.75 && shared.id !== null ? change("restart", shared.id) : change(kindOf(draw), id);
    const { status, body } = await call(ask);
    // A delete of its parent took it along.
    if (status === 404 || body["workspace_status"] === "removed") forget(ask.workspace!);
  };

  const loop = async (signal: AbortSignal, pause: () => number, work: () => Promise<unknown>) => {
    while (!signal.aborted) {
      await work();
      await delay(pause(), undefined, { signal }).catch(() => undefined);
    }
  };
  const beat = async () => {
    for (const [id, token] of tokens) {
      const body = { workspace_id: id, active_tasks: 1 };
      await call({ kind: "beat", method: "POST", path: "/registry/heartbeat", body, workspace: id, token });
    }
  };
  return {
    asked: loop(options.stop, () => random.between(...THINK_MS), act),
    ended: loop(options.signal, () => BEAT_EVERY_MS, beat),
  };
}

function kindOf(draw: number): "restart" | "pause" | "resume" | "hibernate" {
  if (draw < 0.5) return "restart";
  if (draw < 0.6) return "pause";
  return draw < 0.72 ? "resume" : "hibernate";
}
