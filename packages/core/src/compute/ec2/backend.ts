import type { Backend } from "../backend.js";
import { checked } from "../decorate.js";
import { callerOf, openEc2 } from "./context.js";
import { createDns } from "./dns.js";
import { createIdentify } from "./account.js";
import { examineAccount } from "./examine.js";
import { launchInstance } from "./launch.js";
import { readLogs } from "./logs.js";
import { notesOfAccount } from "./notes.js";
import { listLookalikes, listOwned } from "./owned.js";
import { probe } from "./probe.js";
import { secretOf } from "./secrets.js";
import type { Ec2Options } from "./settings.js";
import { stopInstance } from "./stop.js";
import { createVolume, removeVolume } from "./volumes.js";

/** Workspaces as EC2 instances with a data volume of their own. See docs/ec2.md. */
export function createEc2Backend(options: Ec2Options): Backend {
  const ec2 = openEc2(options);
  const identify = createIdentify(ec2.aws);
  const dns = options.dns === null ? undefined : createDns(ec2, options.dns);
  const backend: Backend = {
    name: "ec2",
    settleMs: options.settleMs,
    notes: notesOfAccount(ec2),
    identify: (call) => identify(callerOf(call, "user")),
    examine: (call) => examineAccount(ec2, identify, callerOf(call, "reconcile")),
    createVolume: (volume, call) => createVolume(ec2, volume, call.spec, callerOf(call, "user")),
    removeVolume: (volume, call) => removeVolume(ec2, volume, callerOf(call, "delete")),
    async ready({ volume }, call) {
      if (volume !== null) await createVolume(ec2, volume, undefined, callerOf(call, "user"));
    },
    launch: (request, call) => launchInstance(ec2, request, callerOf(call, "user")),
    stop: (instance, call) => stopInstance(ec2, instance, callerOf(call, "delete")),
    probe: (instances, call) => probe(ec2, instances, callerOf(call, "user")),
    async listOwned(call) {
      const things = await listOwned(ec2, callerOf(call, "reconcile"));
      return [...things, ...((await dns?.listOwned(call)) ?? [])];
    },
    listLookalikes: (call) => listLookalikes(ec2, callerOf(call, "reconcile")),
    logs: (instance, call) => readLogs(ec2, instance, call, callerOf(call, "user")),
    reasonOf: ({ providerId }) => (providerId === null ? null : ec2.lookups.reasonOf(providerId)),
    secretOf: (secret, call) => secretOf(ec2, secret, callerOf(call, "user")),
    dns,
    async close() {
      ec2.aws.close();
    },
  };
  return checked(backend, options.logger);
}
