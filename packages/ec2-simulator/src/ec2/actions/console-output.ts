import { stopIfDryRun, type Action } from "../action.js";
import { findInstance } from "../find.js";
import { formatIp, type Instance } from "../instance.js";

/** EC2 keeps the last 64 KB. */
const MAX_BYTES = 65_536;

export const getConsoleOutput: Action = {
  accepts: ["DryRun", "InstanceId", "Latest"],
  ignores: [],
  run(context) {
    const instance = findInstance(context, context.request.required("InstanceId"));
    context.request.boolean("Latest");
    stopIfDryRun(context);
    const output = Buffer.from(consoleText(instance)).subarray(-MAX_BYTES);
    return {
      instanceId: instance.id,
      timestamp: new Date(context.now),
      output: output.length > 0 ? output.toString("base64") : undefined,
    };
  },
};

/** What was written to the console, or what a booted machine usually shows. Never the user-data itself. */
function consoleText(instance: Instance): string {
  if (instance.console !== null) return instance.console;
  if (instance.runningSince === 0) return "";
  const seconds = new Date(instance.runningSince).toISOString();
  return [
    "[    0.000000] Linux version 6.1.0-simulated (berth-ec2-simulator)",
    `[    0.412331] ${instance.type} in ${instance.launch.subnet.az}, image ${instance.launch.spec.imageId}`,
    `[    2.118204] cloud-init: ${instance.userData === null ? "no user-data" : "user-data found"}`,
    `[    3.902117] ${seconds} ip-${formatIp(instance.privateIp).replaceAll(".", "-")} login: `,
    "",
  ].join("\r\n");
}
