import { AwsError } from "../errors.js";
import type { JsonRequest } from "./answer.js";

/** What AWS puts at the end of each ARN; here it is always the same. */
const SUFFIX = "-SimSim";

/** Secrets Manager's GetSecretValue, by name or ARN, whole or without its suffix. @throws AwsError for one that nobody has set */
export function secretOf({ sim, account, region, params }: JsonRequest): object {
  const { SecretId = "" } = params;
  const prefix = `arn:aws:secretsmanager:${region}:${account}:secret:`;
  const Name = SecretId.startsWith(prefix)
    ? SecretId.slice(prefix.length).replace(new RegExp(`${SUFFIX}$`), "")
    : SecretId;
  const { secrets } = sim.world.settings;
  const value = Object.hasOwn(secrets, Name) ? secrets[Name] : undefined;
  if (value === undefined)
    throw new AwsError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.");
  return {
    ARN: `${prefix}${Name}${SUFFIX}`,
    Name,
    VersionId: "00000000-0000-4000-8000-000000000001",
    ...(typeof value === "string" ? { SecretString: value } : { SecretBinary: value.binary }),
    VersionStages: ["AWSCURRENT"],
    CreatedDate: sim.world.clock.now() / 1_000,
  };
}
