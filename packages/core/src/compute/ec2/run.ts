import { randomUUID } from "node:crypto";
import { RunInstancesCommand } from "@aws-sdk/client-ec2";
import type { InstanceRef, LaunchRequest } from "../backend.js";
import type { Details } from "../details.js";
import { BackendError } from "../backend-error.js";
import { secretsOf } from "../redact.js";
import { send } from "./aws.js";
import { inOrderOfRoom } from "./capacity.js";
import type { Caller, Ec2 } from "./context.js";
import { codeOf, failureOf, statusOf } from "./failure.js";
import { lackOf, type Refusal } from "./launch-errors.js";
import { noPlaceLeft } from "./no-place.js";
import { pause, pollEc2 } from "./pause.js";
import { type Candidate, fingerprintOf, runInputOf } from "./run-input.js";
import { readInstance, type SeenInstance, type SeenVolume } from "./seen.js";
import { typeName, type Wanted, wantedOf } from "./wanted.js";

/** How often one RunInstances is repeated, under its one token, while its outcome isn't known. */
const ATTEMPTS = 4;
const FIRST_PAUSE_MS = 200;
/** Far less than what a thing may take to show itself. */
const WAIT_NOTED_MS = 100;

/**
 * Launches in the volume's zone, as the first type for which there is room. Each different request has a token
 * of its own, saved before the call (I3), so whoever goes on after a crash repeats exactly the one under way.
 * @throws BackendError `capacity` if nothing was made, and another zone may do; `quota`; `invalid_spec` if no type is
 *   to be had in the zone that the volume can't leave
 */
export async function runInstance(
  ec2: Ec2,
  request: LaunchRequest,
  { volume, dead, caller }: { volume: SeenVolume; dead: ReadonlySet<string>; caller: Caller },
): Promise<SeenInstance> {
  const { instance: ref } = request;
  const wanted = wantedOf(request.spec, ec2.options);
  const earlierAsk = underWay(ec2, request);
  const candidates = await candidatesFor(ec2, wanted, { volume, first: earlierAsk, caller });
  let token = ref.clientToken;
  let known = typeof ref.details["request"] === "string" ? ref.details["request"] : null;
  const refusals: Refusal[] = [];
  const full = new Set<string>();
  all: for (const [index, candidate] of candidates.entries()) {
    const place = `${typeName(candidate.type)}/${candidate.subnet.az}`;
    if (full.has(place)) continue;
    const input = runInputOf(request, wanted, candidate, { volumeId: volume.id, options: ec2.options });
    const fingerprint = fingerprintOf(input);
    const changed = known !== null && known !== fingerprint;
    if (changed && index === 0 && earlierAsk !== null && !dead.has(token)) {
      const limitMs = ec2.options.settleMs - askedAgo(ref);
      const earlier = await awaitEarlier(ec2, ref, { token, limitMs, caller });
      if (earlier !== null) return earlier;
    }
    if (changed || dead.has(token)) token = randomUUID();
    for (let renewals = 0; ; renewals++) {
      known = fingerprint;
      await request.save({
        ...(token === ref.clientToken ? {} : { clientToken: token }),
        details: {
          type: candidate.type,
          subnet: candidate.subnet.id,
          az: candidate.subnet.az,
          request: fingerprint,
        },
      });
      const answer = await run(ec2, request, { ...input, ClientToken: token }, caller);
      if ("made" in answer) {
        ec2.capacity.clear(typeName(candidate.type), candidate.subnet.az);
        return answer.made;
      }
      if ("refused" in answer) {
        refusals.push(answer.refused);
        note(ec2, candidate, answer.refused);
        if (answer.refused.scope === "zone") break all;
        if (answer.refused.scope !== "subnet") full.add(place);
        break;
      }
      if (answer.token === "other_request") {
        const earlier = await awaitEarlier(ec2, ref, { token, limitMs: ec2.options.settleMs, caller });
        if (earlier !== null) return earlier;
      }
      if (renewals > 2) throw answer.error;
      token = randomUUID();
    }
  }
  // What was left out just now counts as well.
  for (const type of wanted.types) {
    const lack = ec2.capacity.lackOf(typeName(type), volume.az);
    if (lack !== null) refusals.push(lack);
  }
  throw noPlaceLeft(wanted, [volume.az], refusals, { movable: request.volume.details["used"] !== true });
}

/** The request that an earlier call recorded and whose outcome isn't known. */
function underWay(ec2: Ec2, { instance: ref }: LaunchRequest): Details | null {
  const { details } = ref;
  if (typeof details["request"] !== "string") return null;
  const type = typeof details["type"] === "string" ? details["type"] : null;
  const lack = ec2.capacity.lackOf(typeName(type), String(details["az"]));
  // Refused since: nothing of it is under way.
  return lack !== null && lack.agoMs <= askedAgo(ref) ? null : details;
}

/** In ms. */
function askedAgo({ askedAt }: InstanceRef): number {
  return askedAt === null ? Infinity : performance.now() - askedAt;
}

type Answer =
  | { made: SeenInstance }
  /** Nothing was made, and elsewhere something might be. */
  | { refused: Refusal }
  /** The token can't be used: it made an instance that has ended, or belongs to another request. */
  | { token: "ended" | "other_request"; error: BackendError };

/** Repeats one request under its token until its outcome is known. @throws BackendError */
async function run(
  ec2: Ec2,
  request: LaunchRequest,
  input: ConstructorParameters<typeof RunInstancesCommand>[0],
  caller: Caller,
): Promise<Answer> {
  const { instance, save } = request;
  const what = `launch ${instance.name}`;
  const secrets = [...secretsOf(request), input.UserData ?? ""];
  // Its effect may be invisible for a while from the last call on: not from the first, nor from when it began to wait.
  let noted = performance.now();
  let unsaved: unknown = null;
  const onTurn = async (): Promise<void> => {
    if (performance.now() - noted < WAIT_NOTED_MS) return;
    noted = performance.now();
    await save({}).catch((error: unknown) => {
      unsaved = error;
      throw error;
    });
  };
  for (let attempt = 1; ; attempt++) {
    try {
      const reply = await send(
        ec2.aws,
        ec2.aws.impatient,
        new RunInstancesCommand(input),
        { what, secrets, onTurn, ...caller },
        { raw: true },
      );
      const made = readInstance(reply.Instances?.[0] ?? {});
      if (made === null)
        throw new BackendError("backend_failed", "transient", `${what}: AWS's answer has no instance`);
      // As the token of an ended instance was answered in the past (docs/ec2-facts.md, Idempotency).
      if (made.state === "terminated" || made.state === "shutting-down")
        return { token: "ended", error: unusable(what, "IdempotentInstanceTerminated") };
      return { made };
    } catch (error) {
      // It wasn't sent: the lease is lost, or the operation cancelled.
      if (unsaved !== null) throw unsaved;
      const code = codeOf(error);
      const failure = failureOf(what, error, secrets);
      if (code === "IdempotentInstanceTerminated") return { token: "ended", error: unusable(what, code) };
      if (code === "IdempotentParameterMismatch")
        return { token: "other_request", error: unusable(what, code) };
      const refused = lackOf(code, statusOf(error), failure.message);
      if (refused !== null) return { refused };
      if (failure.kind === "permanent" || failure.code === "aborted" || attempt === ATTEMPTS) throw failure;
      await pause(FIRST_PAUSE_MS * 2 ** (attempt - 1) * (0.5 + Math.random() / 2), caller.signal);
    }
  }
}

/** Types in the volume's zone, in order, the one that is under way first. @throws BackendError `invalid_spec` */
async function candidatesFor(
  ec2: Ec2,
  wanted: Wanted,
  { volume, first, caller }: { volume: SeenVolume; first: Details | null; caller: Caller },
): Promise<Candidate[]> {
  const subnets = (await ec2.subnets.resolve(wanted.subnetIds, caller)).filter(({ az }) => az === volume.az);
  if (subnets.length === 0)
    throw new BackendError(
      "invalid_spec",
      "permanent",
      `the data volume ${volume.id} is in ${volume.az}, where none of the configured subnets is; it can't be moved`,
      { providerCode: "InvalidVolume.ZoneMismatch" },
    );
  const all = wanted.types.flatMap((type) => subnets.map((subnet): Candidate => ({ type, subnet })));
  const isFirst = ({ type, subnet }: Candidate): boolean =>
    first !== null && type === (first["type"] ?? null) && subnet.id === first["subnet"];
  const rest = inOrderOfRoom(
    all.filter((one) => !isFirst(one)),
    ({ type, subnet }) => ec2.capacity.lackOf(typeName(type), subnet.az),
  );
  return [...all.filter(isFirst), ...rest];
}

/**
 * Looks for the instance of an earlier request with this token until it would have shown itself. @returns null
 * if there is none to adopt
 */
async function awaitEarlier(
  ec2: Ec2,
  ref: InstanceRef,
  { token, limitMs, caller }: { token: string; limitMs: number; caller: Caller },
): Promise<SeenInstance | null> {
  return pollEc2(limitMs, caller.signal, async () => {
    const all = await ec2.lookups.instancesOf(ref.workspaceId, caller);
    const found = all.find(({ clientToken }) => clientToken === token);
    return found === undefined || found.state === "terminated" || found.state === "shutting-down"
      ? null
      : found;
  });
}

function note(ec2: Ec2, { type, subnet }: Candidate, refusal: Refusal): void {
  ec2.capacity.note(refusal, typeName(type), subnet.az);
  const { lack, scope, code } = refusal;
  ec2.options.logger?.info(
    { type: typeName(type), az: subnet.az, lack, scope, code },
    "EC2 refused a launch",
  );
}

function unusable(what: string, providerCode: string): BackendError {
  return new BackendError("backend_failed", "transient", `${what}: AWS refuses every token for it`, {
    providerCode,
  });
}
