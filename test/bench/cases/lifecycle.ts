import { randomUUID } from "node:crypto";
import { before, BEFORE } from "../frame/before.js";
import type { Bed } from "../frame/bed.js";
import type { Case, Sample } from "../frame/case.js";
import { inLanes, now } from "../frame/run.js";
import { openStack, type Stack } from "../frame/stack.js";

const BERTH = "Berth";
const KINDS = ["provision", "restart", "delete"] as const;
const SPECS = {
  ec2: { readiness: "running" },
  process: { command: ["sleep", "3600"], readiness: "running" },
} as const;

/** Every workspace is made, restarted and deleted over REST, each waited for; so many at a time. */
async function lifecycles(
  stack: Stack,
  backend: keyof typeof SPECS,
  { count, lanes }: { count: number; lanes: number },
): Promise<Sample> {
  const broken: string[] = [];
  const ids: string[] = [];
  const act = async (kind: string, method: string, path: string, body?: object): Promise<string> => {
    const answer = await stack.call(method, path, { prefer: "wait=60", ...(body && { body }) });
    const told = answer.body as { id: string; operation?: { state: string } };
    if (answer.status >= 300 || told.operation?.state !== "succeeded")
      broken.push(`${kind}: ${answer.status} ${told.operation?.state ?? ""}`);
    return told.id;
  };
  const more: Record<string, number> = {};
  const used = stack.cpu();
  const begun = now();
  for (const kind of KINDS) {
    const from = stack.cpu().worker;
    await inLanes(lanes, count, async (n) => {
      if (kind === "provision")
        ids[n] = await act(kind, "POST", "/workspaces", {
          name: randomUUID(),
          backend,
          spec: SPECS[backend],
        });
      else if (kind === "restart") await act(kind, "POST", `/workspaces/${ids[n]}/restart`);
      else await act(kind, "DELETE", `/workspaces/${ids[n]}`);
    });
    more[`worker CPU of a ${kind}, ms`] = (stack.cpu().worker - from) / count;
  }
  const ms = now() - begun;
  const all = stack.cpu();
  const { rows } = await stack.pool.query<{ n: number }>(
    "select count(*)::int as n from resources where state <> 'gone'",
  );
  if (rows[0]!.n > 0) broken.push(`${rows[0]!.n} resources left`);
  for (const name of ["api", "postgres", "redis"] as const)
    more[`${name}, ms a lifecycle`] = (all[name] - used[name]) / count;
  return { value: (count * 1_000) / ms, more, broken };
}

function lifecycleCase(
  backend: keyof typeof SPECS,
  size: { count: number; lanes: number },
  told: Pick<Case, "minutes" | "targets">,
): Case {
  return {
    ...told,
    name: `lifecycle-${backend}`,
    title: `Lifecycles on ${backend === "ec2" ? "the EC2 simulator" : "processes"}`,
    what:
      `Provision, restart and delete of ${size.count} workspaces over REST, ${size.lanes} at a time, each waited for; one API, one worker. ` +
      `Before: commit 4894440.${backend === "ec2" ? " The simulator takes no time, and the worker doesn't keep to AWS's rates, which would bound both." : ""}`,
    unit: "lifecycles/s",
    better: "more",
    subjects: [BERTH, BEFORE],
    reference: BEFORE,
    open: (bed) => ({ run: (subject) => once(bed, backend, size, subject) }),
  };
}

async function once(
  bed: Bed,
  backend: keyof typeof SPECS,
  { count, lanes }: { count: number; lanes: number },
  subject: string,
): Promise<Sample> {
  const stack = await openStack(bed, {
    backends: backend,
    lifted: true,
    ...(subject === BEFORE && { root: await before() }),
  });
  try {
    // What is done for the first time only, connections above all, isn't what is measured.
    await lifecycles(stack, backend, { count: 4, lanes: 4 });
    return await lifecycles(stack, backend, { count: Math.ceil(count * bed.scale), lanes });
  } finally {
    await stack.close();
  }
}

export const lifecycleEc2 = lifecycleCase(
  "ec2",
  { count: 60, lanes: 30 },
  {
    minutes: 2.5,
    targets: [{ what: "EC2 lifecycles, × before", subject: BERTH, over: BEFORE, least: 3 }],
  },
);
export const lifecycleProcess = lifecycleCase(
  "process",
  { count: 30, lanes: 10 },
  {
    minutes: 2,
    targets: [
      {
        what: "worker's CPU of a restart on `process`, ms",
        subject: BERTH,
        of: "worker CPU of a restart, ms",
        most: 20,
      },
    ],
  },
);
