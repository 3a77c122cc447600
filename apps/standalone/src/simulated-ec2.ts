import type { Config } from "@berth/core/config/config";

/** EC2 without an account: gone, with all that ran on it, when this process ends. */
export interface SimulatedEc2 {
  url: string;
  place: { endpoint: string; region: string; credentials: { accessKeyId: string; secretAccessKey: string } };
  close(): Promise<void>;
}

/** Ids that the simulator takes from everybody. */
const IMAGE = "ami-00000000000000000";
const DNS = { zone: "ZSIMULATOR", suffix: "sim.example" };
/** Short, so that a newcomer needn't wait as long as for the real one; long enough to be seen. In ms. */
const DELAYS = {
  pending: [300, 900],
  stopping: [200, 600],
  shuttingDown: [300, 900],
  visibility: [0, 150],
  creatingVolume: [50, 200],
  deletingVolume: [50, 200],
  attaching: [50, 200],
  detaching: [50, 200],
  dnsSync: 100,
} as const;
/** Many times the simulator's visibility delay, and far less than the real one's. */
const SETTLE_MS = 3_000;
/** What an earlier run of the simulator had is forgotten with it: not for hours to wait for. */
const ABSENCE_MS = 600_000;

/** Starts the simulator on a free port of this machine, with AWS's own rate limits. */
export async function simulateEc2(): Promise<SimulatedEc2> {
  // Here, since few starts want it.
  const { startSimulator } = await import("berth-ec2-simulator/server");
  const { url, close } = await startSimulator({
    delays: DELAYS,
    buckets: true,
    hostedZones: { [DNS.zone]: `${DNS.suffix}.` },
  });
  const credentials = { accessKeyId: "AKIASIMULATED", secretAccessKey: "simulated" };
  return { url, place: { endpoint: url, region: "eu-west-1", credentials }, close };
}

/** What the configuration leaves open, as the simulator has it. */
export function forSimulator<Given extends Config>(config: Given): Given {
  const named = config.ec2Image !== null || config.ec2LaunchTemplate !== null;
  return {
    ...config,
    ec2Image: named ? config.ec2Image : IMAGE,
    ec2HostedZoneId: DNS.zone,
    ec2DnsSuffix: DNS.suffix,
    ec2Url: config.ec2Url ?? "http://{host}",
    ec2SettleMs: SETTLE_MS,
    ec2AbsenceMs: ABSENCE_MS,
    // The simulated account has no other worker than this one.
    ec2ApiPercent: 100,
  };
}
