import { before, BEFORE } from "../frame/before.js";
import type { Case } from "../frame/case.js";
import { call } from "../frame/http.js";
import { now, percentile } from "../frame/run.js";
import { ADMIN_KEY, openStack } from "../frame/stack.js";

const RESTARTS = 1_000;
const BERTH = "Berth";

export const storm: Case = {
  name: "storm",
  title: `${RESTARTS} restarts of one workspace at once`,
  what: `Asked of two API processes in turn; the workspace is on the EC2 simulator. Each caller is told of an operation that begins after its call, so a few restarts serve all. Before: commit 4894440.`,
  unit: "ms until all are done",
  better: "less",
  subjects: [BERTH, BEFORE],
  reference: BEFORE,
  minutes: 1.5,
  targets: [],
  open: (bed) => ({
    async run(subject) {
      const root = subject === BEFORE ? { root: await before() } : {};
      const stack = await openStack(bed, { backends: "ec2", apis: 2, lifted: true, ...root });
      try {
        const made = await stack.call("POST", "/workspaces", {
          body: { name: "storm", backend: "ec2", spec: { readiness: "running" } },
          prefer: "wait=60",
        });
        const { id } = made.body as { id: string };
        const used = stack.cpu();
        const begun = now();
        const answers = await Promise.all(
          Array.from({ length: RESTARTS * bed.scale }, (_, n) =>
            call(stack.urls[n % 2]!, "POST", `/workspaces/${id}/restart`, { token: ADMIN_KEY }),
          ),
        );
        await stack.idle();
        const ms = now() - begun;
        const accepted = answers.filter(({ status }) => status === 202);
        const operations = new Set(
          accepted.map(({ body }) => (body as { operation: { id: string } }).operation.id),
        );
        const { rows } = await stack.pool.query<{ n: number }>(
          "select count(*)::int as n from operations where id = any($1) and state <> 'succeeded'",
          [[...operations]],
        );
        const all = stack.cpu();
        return {
          value: ms,
          more: {
            "p99 of an answer, ms": percentile(
              answers.map((one) => one.ms),
              0.99,
            ),
            "503s": answers.length - accepted.length,
            "restarts that ran": operations.size,
            "CPU of the APIs, ms each": (all.api - used.api) / answers.length,
            "PostgreSQL, ms each": (all.postgres - used.postgres) / answers.length,
          },
          broken: rows[0]!.n > 0 ? [`${rows[0]!.n} restarts didn't succeed`] : [],
        };
      } finally {
        await stack.close();
      }
    },
  }),
};
