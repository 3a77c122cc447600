/** A place of EC2 as one worker is set to reach it. */
export interface ReachedPlace {
  name: string;
  region: string;
  /** Of the account. */
  key: string;
}

const ACCOUNT = "123456789012";
export const FAR_ACCOUNT = "210987654321";
export const REGION = "eu-west-1";
const OTHER_REGION = "us-east-1";

/** Account and Region of each place of EC2. */
export const PLACES: Readonly<Record<string, string>> = {
  ec2: `${ACCOUNT}:${REGION}`,
  "ec2-us": `${ACCOUNT}:${OTHER_REGION}`,
  "ec2-far": `${FAR_ACCOUNT}:${REGION}`,
};

/** The worker that is set to the place of another account, and reaches one of its own: it may touch nothing there. */
export const STRAYED = "worker-4";
/** Which of them each worker reaches besides `ec2`. */
const REACHED: Readonly<Record<string, readonly string[]>> = {
  "worker-1": ["ec2-us"],
  "worker-2": ["ec2-far"],
  "worker-3": ["ec2-us", "ec2-far"],
  [STRAYED]: ["ec2-far"],
};

/** What a worker reaches at its `n`th start. The provider's log tells by the key who has called. */
export function placesOf(worker: string, n: number): ReachedPlace[] {
  return (REACHED[worker] ?? []).map((name) => {
    const [account, region] = (worker === STRAYED ? PLACES["ec2-us"]! : PLACES[name]!).split(":");
    return { name, region: region!, key: `${account === FAR_ACCOUNT ? "far." : ""}${worker}.${n}` };
  });
}

/** More often no worker is started. */
const STARTS = 500;

/** The account of each key that isn't of the default one. */
export function accountsOf(workers: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    workers.flatMap((worker) =>
      Array.from({ length: STARTS }, (_, n) => [`far.${worker}.${n}`, FAR_ACCOUNT]),
    ),
  );
}
