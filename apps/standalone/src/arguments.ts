import { parseArgs } from "node:util";
import { BACKENDS, type BackendName } from "@berth/core/domain/backend";
import { StartError } from "./start-error.js";

/** `backend` null: what the configuration says. */
export interface Arguments {
  backend: BackendName | null;
  simulateEc2: boolean;
  /** The data is a copy that is to live beside its original. */
  newInstallation: boolean;
}

const CHOICES = [...BACKENDS, "ec2-simulator"];

/** @throws StartError for an argument that isn't known */
export function readArguments(args: string[]): Arguments {
  const { backend: wanted, "new-installation": newInstallation = false } = parse(args);
  if (wanted === undefined) return { backend: null, simulateEc2: false, newInstallation };
  if (wanted === "ec2-simulator") return { backend: "ec2", simulateEc2: true, newInstallation };
  const backend = BACKENDS.find((name) => name === wanted);
  if (backend === undefined)
    throw new StartError(`--backend: got "${wanted}", expected one of ${CHOICES.join(", ")}`);
  return { backend, simulateEc2: false, newInstallation };
}

function parse(args: string[]): { backend?: string; "new-installation"?: boolean } {
  try {
    const options = { backend: { type: "string" }, "new-installation": { type: "boolean" } } as const;
    return parseArgs({ args, options }).values;
  } catch (error) {
    throw new StartError(
      `${(error as Error).message.split(". ", 1)[0]} (known: --backend ${CHOICES.join("|")}, --new-installation)`,
    );
  }
}
