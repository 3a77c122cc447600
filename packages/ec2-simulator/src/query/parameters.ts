import { AwsError } from "../errors.js";
import { intern } from "./intern.js";

/** One level of a Query request: `A.B.1.C=x` is A → B → 1 → C → "x". */
export type ParameterNode = Map<string, ParameterNode | string>;

const DEEPEST = 10;

/** Characters that XML 1.0 can't carry, so that no reply could ever show them again. */
// oxlint-disable-next-line no-control-regex
const UNPRINTABLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/;

/**
 * Turns the dotted names of a Query request into a tree.
 * @throws AwsError `MalformedQueryString` if a name is both a value and a group, or nested too deep.
 */
export function parseParameters(flat: Iterable<[string, string]>): ParameterNode {
  const root: ParameterNode = new Map();
  for (const [name, value] of flat) {
    if (UNPRINTABLE.test(value) || UNPRINTABLE.test(name))
      throw new AwsError("InvalidParameterValue", "The request contains characters that aren't allowed");
    const steps = name.split(".");
    if (steps.length > DEEPEST || steps.includes("")) throw malformed(name);
    const last = steps.pop()!;
    let node = root;
    for (const step of steps) {
      const next = node.get(step) ?? new Map<string, ParameterNode | string>();
      if (typeof next === "string") throw malformed(name);
      node.set(intern(step), next);
      node = next;
    }
    if (node.get(last) instanceof Map) throw malformed(name);
    node.set(intern(last), intern(value));
  }
  return root;
}

/** The members of `Name.1`, `Name.2`, … in the order of their numbers. */
export function members(node: ParameterNode): [string, ParameterNode | string][] {
  return [...node].toSorted(([a], [b]) => Number(a) - Number(b));
}

/** A copy of `over` with what only `under` has: how a launch template gives way to the request's own values. */
export function overlay(over: ParameterNode, under: ParameterNode): ParameterNode {
  return new Map([...under, ...over]);
}

function malformed(name: string): AwsError {
  return new AwsError("MalformedQueryString", `The query string is malformed at ${name.slice(0, 100)}`);
}
