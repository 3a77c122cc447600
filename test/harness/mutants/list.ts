/** A deliberate defect: a small change of the product that must not go unnoticed. */
export interface Mutant {
  name: string;
  /** The invariant that it breaks. */
  breaks: string;
  file: string;
  /** Found exactly once. */
  find: string;
  replace: string;
  /** Test files that are to catch it; none: it takes a run of the harness. */
  tests?: readonly string[];
  /** The seed of that run, if it takes a certain one. */
  seed?: number;
  /** How long that run is to break things, if it takes longer. */
  minutes?: number;
}

const CORE = "packages/core/src";

export const MUTANTS: readonly Mutant[] = [
  // The quickest first: those that named tests are to catch, then those that take a run of the harness.
  {
    name: "records without looking at the fence",
    breaks: "I1, I9",
    file: `${CORE}/gate/gate.ts`,
    find: "lockingHeld(hold) + ",
    replace: '"" + ',
    tests: ["test/gate/gate.property.test.ts"],
  },
  {
    name: "ends an operation without looking at the fence",
    breaks: "I1",
    file: `${CORE}/gate/finish.ts`,
    find: "gate !== undefined && gate.fence === hold.fence && gate.owner !== null",
    replace: "gate !== undefined",
    tests: ["test/gate/gate.property.test.ts"],
  },
  {
    name: "unlocks whoever holds the gate",
    breaks: "I1",
    file: `${CORE}/db/gates.ts`,
    find: "select require_held_gate(${pg.escapeLiteral(workspaceId)}, ${fence});",
    replace:
      "select require_held_gate(id, fence) from (select workspace_id as id, fence from gates where workspace_id = ${pg.escapeLiteral(workspaceId)} and ${fence} > 0) g;",
    tests: ["test/gate/gate.property.test.ts"],
  },
  {
    name: "claims under a living lease",
    breaks: "I1",
    file: `${CORE}/db/gates.ts`,
    find: `g.head + 1 = w.ticket and not g.paused
         and (g.lease_until is null or g.lease_until <= clock_timestamp())`,
    replace: "g.head + 1 = w.ticket and not g.paused",
    tests: ["test/gate/claim.test.ts"],
  },
  {
    name: "claims out of turn",
    breaks: "I2",
    file: `${CORE}/db/gates.ts`,
    find: "and g.head + 1 = w.ticket and not g.paused",
    replace: "and g.head + 1 <= w.ticket and not g.paused",
    tests: ["test/gate/claim.test.ts"],
  },
  {
    name: "holds a gate for a sweep while an operation waits",
    breaks: "I1",
    file: `${CORE}/db/gates.ts`,
    find: "where workspace_id = $1 and head = tail and not paused",
    replace: "where workspace_id = $1 and not paused",
    tests: ["test/gate/gate.property.test.ts", "test/sweeps/matrix.test.ts"],
  },
  {
    name: "acts on unknown",
    breaks: "I5",
    file: `${CORE}/sweeps/instance-state.ts`,
    find: 'return state === "gone" || state === "stopped";',
    replace: 'return state === "gone" || state === "stopped" || state === "unknown";',
    tests: ["test/sweeps/health.test.ts"],
  },
  {
    name: "restarts without a last look",
    breaks: "I5",
    file: `${CORE}/sweeps/instance-state.ts`,
    find: 'return isDead(again.get(one.instance.id)) ? null : "changed";',
    replace: "return again.size < 0 ? null : null;",
    tests: ["test/sweeps/health.test.ts"],
  },
  {
    name: "judges agents that nobody could hear",
    breaks: "I5",
    file: `${CORE}/sweeps/liveness.ts`,
    find: "if (listeningMs === null || listeningMs < listeningGraceMs)",
    replace: "if (listeningMs !== null && listeningMs + listeningGraceMs < 0)",
    tests: ["test/sweeps/health.test.ts"],
  },
  {
    name: "takes the fruit of an unanswered call for unclaimed",
    breaks: "I5",
    file: `${CORE}/sweeps/compare.ts`,
    find: "    claim.workspace_id === thing.workspaceId &&\n    (thing.kind",
    replace: '    claim.workspace_id === "" &&\n    (thing.kind',
    tests: ["test/sweeps/unclaimed.test.ts"],
  },
  {
    name: "believes the first listing without the instance",
    breaks: "I4",
    file: `${CORE}/compute/ec2/stop.ts`,
    find: 'return second.things.length === 0 && second.doubt === null ? "gone" : "stopping";',
    replace: 'return second.things.length < 0 ? "stopping" : "gone";',
    tests: ["test/compute/ec2/stop.test.ts"],
  },
  {
    name: "judges by its own wall clock what may still be hidden",
    breaks: "I4",
    file: `${CORE}/compute/ec2/identity.ts`,
    find: "performance.now() - ref.askedAt < ec2.options.settleMs",
    replace: "Date.now() - performance.timeOrigin - ref.askedAt < ec2.options.settleMs",
    tests: ["test/compute/ec2/stop.test.ts"],
  },
  {
    name: "takes another deployment's things for its own",
    breaks: "I10",
    file: `${CORE}/domain/owner.ts`,
    find: 'if (deployment !== owner.deploymentId) return "others";',
    replace: 'if (deployment === "" && owner.deploymentId !== "") return "others";',
    tests: ["test/compute/ec2/conformance.test.ts", "test/sweeps/two-deployments.test.ts"],
  },
  {
    name: "reaps at the first sighting",
    breaks: "I5",
    file: `${CORE}/sweeps/judge-unclaimed.ts`,
    find: "sighting.first_seen_ms_ago >= seenForMs",
    replace: "sighting.first_seen_ms_ago >= Math.min(0, seenForMs)",
    tests: ["test/sweeps/unclaimed.test.ts"],
  },
  {
    name: "acts on however much at once",
    breaks: "I5",
    file: `${CORE}/sweeps/breaker.ts`,
    find: "if (!isTooMuch(limits, plan.lookedAt, judged.length)) return",
    replace: "if (!isTooMuch(limits, plan.lookedAt, judged.length) || judged.length > 0) return",
    tests: ["test/sweeps/breaker.test.ts"],
  },
  {
    name: "believes the token of an older generation",
    breaks: "I9",
    file: `${CORE}/db/heartbeats.ts`,
    find: "coalesce(w.token_hash = b.hash, false) as accepted",
    replace: "coalesce(w.token_hash = b.hash, false) or b.hash is not null as accepted",
    tests: ["test/agents/heartbeat.test.ts"],
  },
  {
    name: "lets what waits run before a delete",
    breaks: "I2",
    file: `${CORE}/requests/delete.ts`,
    find: "const ended = others.filter((operation) => !runsNow(operation));",
    replace: "const ended = others.filter((operation) => !runsNow(operation) && operation.ticket < 0);",
    tests: ["test/requests/requests.test.ts", "test/gate/gate.property.test.ts"],
  },
  {
    name: "asks for each launch under a new token",
    breaks: "I1",
    file: `${CORE}/compute/ec2/run.ts`,
    find: "if (changed || dead.has(token)) token = randomUUID();",
    replace: "token = randomUUID();",
    tests: ["test/compute/ec2/launch.test.ts"],
  },
  {
    name: "leaves what was made after a delete was accepted",
    breaks: "I4",
    file: `${CORE}/operations/stop.ts`,
    find: "await context.fenced((tx) => markReleasing(tx, [context.workspaceId]));",
    replace: 'await context.fenced((tx) => markReleasing(tx, [context.workspaceId], ["instance"]));',
    tests: ["test/requests/delete-in-time.test.ts"],
  },
  {
    name: "leaves what a failed launch has started",
    breaks: "I7",
    file: `${CORE}/gate/finish.ts`,
    find: "held.filter((finish) => finish.released === true)",
    replace: "held.filter((finish) => finish.released === undefined)",
    tests: ["test/requests/operations.test.ts", "test/requests/cancel-in-time.test.ts"],
  },
  {
    name: "doesn't tell that a delete has given up",
    breaks: "I7",
    file: `${CORE}/gate/endings.ts`,
    find: 'return ["terminate_retry_exhausted", "workspace.delete.terminate_retry_exhausted"];',
    replace: 'return ["terminate_retry_exhausted", "workspace.delete.failed"];',
    tests: ["test/compute/ec2/terminate.test.ts", "test/sweeps/removed-instances.test.ts"],
  },
  {
    name: "works on with a lease that ran out",
    breaks: "I1",
    file: `${CORE}/gate/lease.ts`,
    find: "          expire(lease);\n          lease.abort",
    replace: "          lease.abort",
    tests: ["test/gate/lease.test.ts", "test/chaos/zombie.long.test.ts"],
  },
  {
    name: "makes the volume before its row in the ledger",
    breaks: "I3",
    file: `${CORE}/operations/launch.ts`,
    find: `  const row = await intend(context, "volume", found);
  context.check();
  const { providerId, details } = await context.backend.createVolume(volumeRef(row), {
    ...callOf(context),
    spec: context.workspace.spec,
  });`,
    replace: `  const known = found;
  const { workspace } = context;
  const id = crypto.randomUUID();
  const made = { resourceId: id, workspaceId: workspace.id, name: \`ws-\${workspace.id}\`, providerId: null, clientToken: id, askedAt: null, details: {} };
  const { providerId, details } = await context.backend.createVolume(known === undefined ? made : volumeRef(known), {
    ...callOf(context),
    spec: workspace.spec,
  });
  const row = known ?? (await intend(context, "volume", undefined));`,
  },
  {
    name: "takes the daemon's yes to a removal for the end",
    breaks: "I4",
    file: `${CORE}/compute/docker/stop.ts`,
    find: "(await find()).length === 0 ? true",
    replace: "(await find()).length >= 0 ? true",
    tests: ["test/compute/docker/replies.test.ts"],
  },
  {
    name: "believes a start that is called done already",
    breaks: "I4",
    file: `${CORE}/compute/docker/start.ts`,
    find: "if (started.ok || isStartedAlready(started)) return",
    replace: "if (!started.ok && isStartedAlready(started)) return;\n  if (started.ok) return",
    tests: ["test/compute/docker/replies.test.ts"],
  },
  {
    name: "takes what has the name for its own",
    breaks: "I10",
    file: `${CORE}/compute/docker/labels.ts`,
    find: 'if ((whose === "ours" || whose === "unsigned") && labels?.[WORKSPACE] === workspaceId) return;',
    replace: 'if (whose !== "another" || labels?.[WORKSPACE] === workspaceId) return;',
    tests: ["test/compute/docker/conformance.test.ts"],
  },
  {
    name: "takes a volume in use for gone",
    breaks: "I8",
    file: `${CORE}/compute/docker/volumes.ts`,
    find: 'if (isVolumeInUse(removed)) return "in_use";',
    replace: 'if (isVolumeInUse(removed)) return "gone";',
    tests: ["test/compute/docker/conformance.test.ts"],
  },
  {
    name: "doesn't ask who answers before it touches a place",
    breaks: "I12",
    file: `${CORE}/compute/guard.ts`,
    find: "if (seen === recorded) return;",
    replace: 'if (seen === recorded || seen !== "") return;',
    tests: ["test/places/identity.test.ts"],
  },
  {
    name: "puts work into the queue of another place",
    breaks: "I12",
    file: `${CORE}/queues/dispatcher.ts`,
    find: "(isEnding(kind) ? endsOf : operationsOf)(place);",
    replace: '(isEnding(kind) ? endsOf : operationsOf)(place === "" ? place : "process");',
    tests: ["test/places/routing.test.ts"],
  },
  {
    name: "looks at all places in the sweep of one",
    breaks: "I15",
    file: "apps/worker/src/sweeper.ts",
    find: "const backends = place === null ? options.deps.backends : onlyOf(options.deps.backends, place);",
    replace:
      'const backends = place === null || onlyOf(options.deps.backends, place).has("") ? options.deps.backends : new Map(options.deps.backends);',
    tests: ["test/places/sweeps.test.ts"],
  },
  {
    name: "tells of the dead only when it restarts them",
    breaks: "I13",
    file: `${CORE}/sweeps/tell-states.ts`,
    find: "const told = dead.filter((one) => idle.has(one.checked.id));",
    replace: "const told = dead.filter((one) => idle.has(one.checked.id) && idle.size < 0);",
    seed: 42,
    minutes: 2,
  },
  {
    name: "removes the volume first",
    breaks: "I8",
    file: `${CORE}/operations/plans.ts`,
    find: "delete: [releaseAll, stopInstance, removeVolume, removeName]",
    replace: "delete: [releaseAll, removeVolume, stopInstance, removeName]",
  },
  {
    name: "believes a terminate that was answered 200",
    breaks: "I4",
    file: `${CORE}/compute/ec2/stop.ts`,
    find: "  await askForEnd(ec2, first.things, caller);\n  const gone",
    replace:
      '  await askForEnd(ec2, first.things, caller);\n  if (first.things.length > 0) return "gone";\n  const gone',
  },
  {
    name: "forgets to wake what waits",
    breaks: "promptness",
    file: `${CORE}/gate/gate.ts`,
    find: "if (next !== null) await wake(one.hold.workspaceId, next, one.hold.place).catch(() => undefined);",
    replace:
      "if (next === -1) await wake(one.hold.workspaceId, next, one.hold.place).catch(() => undefined);",
  },
  {
    name: "doesn't look for operations that the queue has lost",
    breaks: "I6",
    file: `${CORE}/sweeps/dispatch.ts`,
    find: "const due = heads.filter((head) => (head.backoff_for_ms ?? 0) <= 0);",
    replace: "const due = heads.filter((head) => (head.backoff_for_ms ?? 0) < -1e9);",
    tests: ["test/sweeps/matrix.test.ts"],
  },
  {
    name: "carries out a request each time that it is sent",
    breaks: "I6",
    file: `${CORE}/requests/idempotency.ts`,
    find: "answerIdempotently(tx, [idempotency], () => work(tx))",
    replace: "answerIdempotently(tx, [idempotency && undefined], () => work(tx))",
  },
  {
    name: "counts a restart into one that runs",
    breaks: "I2",
    file: `${CORE}/requests/restart.ts`,
    find: 'return state === "queued" && (kind === "restart" || kind === "resume");',
    replace: 'return state !== "failed" && (kind === "restart" || kind === "resume");',
  },
  {
    name: "logs the tokens of workspaces",
    breaks: "security",
    file: `${CORE}/operations/launch.ts`,
    find: "      const tokenHash = createHash",
    replace: "      console.log(context.tokenOf(generation));\n      const tokenHash = createHash",
  },
  {
    name: "gives out every secret of the account that a place is in",
    breaks: "security",
    file: `${CORE}/operations/account-secrets.ts`,
    find: `if (!name.replace(ARN, "").startsWith(prefix))`,
    replace: `if (prefix === "")`,
    tests: ["test/operations/secrets.test.ts", "test/compute/ec2/secrets.test.ts"],
  },
];
