import { GetConsoleOutputCommand } from "@aws-sdk/client-ec2";
import type { InstanceRef } from "../backend.js";
import { send } from "./aws.js";
import type { Caller, Ec2 } from "./context.js";
import { codeOf, failureOf } from "./failure.js";
import { findInstances } from "./identity.js";

/** See `Backend.logs`: the end of the serial console, of which EC2 keeps 64 KB. @throws BackendError */
export async function readLogs(ec2: Ec2, ref: InstanceRef, tail: number, caller: Caller): Promise<string> {
  const { things } = await findInstances(ec2, ref, caller);
  const instance = things.findLast(({ state }) => state !== "terminated");
  if (instance === undefined || tail < 1) return "";
  const text =
    (await consoleOf(ec2, instance.id, true, caller)) ?? (await consoleOf(ec2, instance.id, false, caller));
  const lines = (text ?? "").replaceAll("\r", "").replace(/\n$/, "").split("\n");
  const shown = lines.slice(-tail).join("\n");
  return shown === "" ? "" : `${shown}\n`;
}

/** Null if there is none, or none of this kind: only Nitro instances have the latest. */
async function consoleOf(ec2: Ec2, id: string, latest: boolean, caller: Caller): Promise<string | null> {
  try {
    const { Output } = await send(
      ec2.aws,
      ec2.aws.ec2,
      new GetConsoleOutputCommand({ InstanceId: id, Latest: latest }),
      { what: `console of ${id}`, ...caller },
      { raw: true },
    );
    return Output === undefined ? null : Buffer.from(Output, "base64").toString();
  } catch (error) {
    if (/^(UnsupportedOperation|InvalidInstanceID\.NotFound|IncorrectInstanceState)$/.test(codeOf(error)))
      return null;
    throw failureOf(`console of ${id}`, error);
  }
}
