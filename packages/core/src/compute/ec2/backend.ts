import type { Backend } from "../backend.js";
import { checkLaunch, checkRef } from "../request-check.js";
import { callerOf, openEc2 } from "./context.js";
import { createDns } from "./dns.js";
import { identifyAccount } from "./account.js";
import { launchInstance } from "./launch.js";
import { readLogs } from "./logs.js";
import { listLookalikes, listOwned } from "./owned.js";
import { probe } from "./probe.js";
import type { Ec2Options } from "./settings.js";
import { stopInstance } from "./stop.js";
import { createVolume, removeVolume } from "./volumes.js";

/** Workspaces as EC2 instances with a data volume of their own. See docs/ec2.md. */
export function createEc2Backend(options: Ec2Options): Backend {
  const ec2 = openEc2(options);
  const dns = options.dns === null ? undefined : createDns(ec2, options.dns);
  return {
    name: "ec2",
    settleMs: options.settleMs,
    identify: (call) => identifyAccount(ec2, callerOf(call, "user")),
    async createVolume(volume, call) {
      checkRef(volume);
      return createVolume(ec2, volume, call.spec, callerOf(call, "user"));
    },
    async removeVolume(volume, call) {
      checkRef(volume);
      return removeVolume(ec2, volume, callerOf(call, "delete"));
    },
    async launch(request, call) {
      checkLaunch(request);
      return launchInstance(ec2, request, callerOf(call, "user"));
    },
    async stop(instance, call) {
      checkRef(instance);
      return stopInstance(ec2, instance, callerOf(call, "delete"));
    },
    probe: (instances, call) => probe(ec2, instances, callerOf(call, "user")),
    async listOwned(call) {
      const things = await listOwned(ec2, callerOf(call, "reconcile"));
      return [...things, ...((await dns?.listOwned(call)) ?? [])];
    },
    listLookalikes: (call) => listLookalikes(ec2, callerOf(call, "reconcile")),
    async logs(instance, call) {
      checkRef(instance);
      return readLogs(ec2, instance, call, callerOf(call, "user"));
    },
    reasonOf: ({ providerId }) => (providerId === null ? null : ec2.lookups.reasonOf(providerId)),
    dns,
    async close() {
      ec2.aws.close();
    },
  };
}
