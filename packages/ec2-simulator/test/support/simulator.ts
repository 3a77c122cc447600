import { EC2Client, RunInstancesCommand, type RunInstancesCommandInput } from "@aws-sdk/client-ec2";
import { Route53Client } from "@aws-sdk/client-route-53";
import { startSimulator, type RunningSimulator, type ServerOptions } from "berth-ec2-simulator/server";
import { onTestFinished } from "vitest";

export interface Lab extends RunningSimulator {
  ec2: EC2Client;
  route53: Route53Client;
  /** A further client, for another Region, key or retry mode. */
  client(options?: ClientOptions): EC2Client;
  /** Launches with what every launch needs; the ids in the order of the reply. */
  launch(input?: Partial<RunInstancesCommandInput>): Promise<string[]>;
  /** Launches one and lets it come up. */
  running(input?: Partial<RunInstancesCommandInput>): Promise<string>;
}

interface ClientOptions {
  region?: string;
  key?: string;
  maxAttempts?: number;
}

export const IMAGE = "ami-0123456789abcdef0";

/** A simulator on a virtual clock with real SDK clients, gone when the test is over. */
export async function startLab(options: ServerOptions = {}): Promise<Lab> {
  const running = await startSimulator({ clock: "virtual", seed: 1, ...options });
  const made: { destroy(): void }[] = [];
  const configure = ({ region = "eu-west-1", key = "AKIATEST", maxAttempts = 1 }: ClientOptions) => ({
    endpoint: running.url,
    region,
    credentials: { accessKeyId: key, secretAccessKey: "secret" },
    maxAttempts,
  });
  const client = (clientOptions: ClientOptions = {}): EC2Client => {
    const ec2 = new EC2Client(configure(clientOptions));
    made.push(ec2);
    return ec2;
  };
  const ec2 = client();
  const route53 = new Route53Client(configure({}));
  made.push(route53);
  onTestFinished(async () => {
    for (const one of made) one.destroy();
    await running.close();
  });
  const launch: Lab["launch"] = async (input = {}) => {
    const command = new RunInstancesCommand({
      ImageId: IMAGE,
      MinCount: 1,
      MaxCount: 1,
      InstanceType: "t3.micro",
      ...input,
    });
    const { Instances = [] } = await ec2.send(command);
    return Instances.map(({ InstanceId }) => InstanceId!);
  };
  return {
    ...running,
    ec2,
    route53,
    client,
    launch,
    async running(input) {
      const [id] = await launch(input);
      running.sim.advance(5_000);
      return id!;
    },
  };
}

/** The error's code and status, or a failure if the promise succeeds. */
export async function refusal(
  promise: Promise<unknown>,
): Promise<{ code: string; status: number | undefined }> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Error)) throw new TypeError("the call was expected to be refused, and succeeded");
  const { $metadata } = error as { $metadata?: { httpStatusCode?: number } };
  return { code: error.name, status: $metadata?.httpStatusCode };
}
