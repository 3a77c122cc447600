import { FAULT_KINDS, type FaultKind, type FaultSpec } from "./fault.js";

type Check = (value: unknown) => boolean;

const text: Check = (value) => typeof value === "string" && value !== "";
const natural: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0;
const positive: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 1;

const FIELDS: Readonly<Record<Exclude<keyof FaultSpec, "kind">, readonly [Check, string]>> = {
  action: [
    (value) => text(value) || (Array.isArray(value) && value.every(text)),
    "a name or a list of names",
  ],
  region: [text, "text"],
  az: [text, "text"],
  type: [text, "text"],
  instance: [text, "text"],
  volume: [text, "text"],
  key: [text, "text"],
  skip: [natural, "a whole number >= 0"],
  count: [positive, "a whole number >= 1"],
  probability: [(value) => typeof value === "number" && value >= 0 && value <= 1, "a number from 0 to 1"],
  ms: [natural, "milliseconds >= 0"],
  code: [text, "text"],
  status: [
    (value) => natural(value) && (value === 200 || (Number(value) >= 400 && Number(value) <= 599)),
    "400 to 599, or 200 for html",
  ],
  message: [text, "text"],
  page: [positive, "a whole number >= 1"],
  state: [
    (value) =>
      ["pending", "stopping", "shutting-down", "creating", "deleting", "attaching", "detaching"].includes(
        String(value),
      ),
    "pending, stopping, shutting-down, creating, deleting, attaching or detaching",
  ],
  afterMs: [natural, "milliseconds >= 0"],
  forMs: [positive, "milliseconds >= 1"],
};

/** Fields that only some kinds read; elsewhere they would be ignored in silence. */
const ONLY_FOR: Readonly<Partial<Record<keyof FaultSpec, readonly FaultKind[]>>> = {
  ms: ["latency"],
  code: ["error", "launch_failure"],
  status: ["error", "html"],
  message: ["error", "throttle"],
  page: ["page"],
  state: ["stuck"],
  afterMs: ["spot_reclaim", "os_shutdown", "terminate"],
};

/** @throws TypeError saying which field is wrong and what it has to be. */
export function validateFault(input: unknown): FaultSpec {
  if (typeof input !== "object" || input === null || Array.isArray(input))
    throw new TypeError("a fault must be an object with a kind");
  const spec = input as Record<string, unknown>;
  if (!(FAULT_KINDS as readonly unknown[]).includes(spec["kind"]))
    throw new TypeError(`kind must be one of: ${FAULT_KINDS.join(", ")}`);
  const kind = spec["kind"] as FaultKind;
  for (const [name, value] of Object.entries(spec)) {
    if (name === "kind") continue;
    if (!Object.hasOwn(FIELDS, name))
      throw new TypeError(`unknown field "${name}"; known: kind, ${Object.keys(FIELDS).join(", ")}`);
    const [check, expectation] = FIELDS[name as keyof typeof FIELDS];
    if (!check(value)) throw new TypeError(`${name} must be ${expectation}`);
    const kinds = ONLY_FOR[name as keyof FaultSpec];
    if (kinds && !kinds.includes(kind)) throw new TypeError(`${name} isn't used by a fault of kind ${kind}`);
  }
  if (kind === "stuck" && spec["state"] === undefined) throw new TypeError("a stuck fault needs a state");
  if (kind === "error" && spec["status"] === 200)
    throw new TypeError("status of an error must be 400 to 599");
  if (kind === "latency" && spec["ms"] === undefined) throw new TypeError("a latency fault needs ms");
  return structuredClone(spec) as unknown as FaultSpec;
}
