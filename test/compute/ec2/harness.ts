import { EC2Client, StopInstancesCommand } from "@aws-sdk/client-ec2";
import type { Backend } from "@berth/core/compute/backend";
import { createEc2Backend } from "@berth/core/compute/ec2/backend";
import type { Ec2Options } from "@berth/core/compute/ec2/settings";
import { freePort } from "@berth/standalone/postgres/free-port";
import { startSimulator, type RunningSimulator, type ServerOptions } from "berth-ec2-simulator/server";
import type { BackendHarness } from "../conformance/harness.js";
import { INSTALLATION } from "../../support/installations.js";

export const REGION = "eu-west-1";
export const IMAGE = "ami-0123456789abcdef0";
export const ZONE_ID = "ZSIMULATOR";
export const CREDENTIALS = {
  accessKeyId: "AKIABERTHTESTKEY0000",
  secretAccessKey: "s3cr3t-of-the-test-account",
};

/** Delays in ms under which a test ends soon, and every passing state can still be seen. */
export const QUICK_DELAYS = {
  pending: 30,
  stopping: 20,
  shuttingDown: 30,
  visibility: 0,
  creatingVolume: 10,
  deletingVolume: 10,
  attaching: 10,
  detaching: 10,
} as const;

const since = new Map<string, number>();
/** As the database's table, for backends without one: for all of them here. */
const ABSENCES: Ec2Options["absences"] = {
  async note(ids) {
    for (const id of ids) if (!since.has(id)) since.set(id, performance.now());
    return new Map(ids.map((id) => [id, performance.now() - since.get(id)!]));
  },
  async forget(ids) {
    for (const id of ids) since.delete(id);
  },
};

/** The backend's options for a simulator. Times in ms. */
export function optionsFor(url: string, changes: Partial<Ec2Options> = {}): Ec2Options {
  return {
    deploymentId: "conformance",
    installationId: INSTALLATION,
    defaults: { image_id: IMAGE, instance_types: ["t3.small", "t3a.small"], volume_gb: 1 },
    volumeType: "gp3",
    agentCommand: null,
    address: "private",
    urlTemplate: null,
    dns: null,
    settleMs: 400,
    absenceMs: 300,
    absences: ABSENCES,
    callTimeoutMs: 5_000,
    startTimeoutMs: 10_000,
    stopGraceMs: 1_000,
    apiShare: 1,
    endpoint: url,
    region: REGION,
    credentials: CREDENTIALS,
    ...changes,
  };
}

/** The `ec2` backend over real HTTP on a simulator of its own. */
export async function ec2Harness(
  options: ServerOptions = {},
): Promise<BackendHarness & { simulator: RunningSimulator }> {
  const simulator = await startSimulator({ delays: QUICK_DELAYS, ...options });
  const deploymentId = "conformance";
  const open = (id = deploymentId, installationId = INSTALLATION): Backend =>
    createEc2Backend(optionsFor(simulator.url, { deploymentId: id, installationId }));
  return {
    simulator,
    deploymentId,
    open,
    openUnreachable: async () => createEc2Backend(optionsFor(`http://127.0.0.1:${await freePort()}`)),
    spec: () => ({}),
    // As an operator's StopInstances: the instance stays, with its volume.
    async crash({ providerId }) {
      const operator = new EC2Client({ endpoint: simulator.url, region: REGION, credentials: CREDENTIALS });
      await operator.send(new StopInstancesCommand({ InstanceIds: [providerId!] }));
      operator.destroy();
    },
    volumePath: null,
    tellsStreams: false,
    foreign: null,
    limits: null,
    close: () => simulator.close(),
  };
}
