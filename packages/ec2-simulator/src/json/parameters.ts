import { AwsError } from "../errors.js";
import type { JsonRequest } from "./answer.js";

/** What a SecureString looks like to who doesn't ask for its decryption. */
const CIPHERTEXT = "AQICAHsimulated";

/** Systems Manager's GetParameter: each is a SecureString in its first version. @throws AwsError for one that nobody has set */
export function parameterOf({ sim, account, region, params }: JsonRequest): object {
  const { Name: asked = "", WithDecryption = "false" } = params;
  const [, Name = "", Selector] = /^([^:]*)(:.*)?$/s.exec(asked) ?? [];
  const { parameters } = sim.world.settings;
  const value = Object.hasOwn(parameters, Name) ? parameters[Name] : undefined;
  if (value === undefined) throw new AwsError("ParameterNotFound", "");
  if (Selector !== undefined && Selector !== ":1")
    throw new AwsError(
      "ParameterVersionNotFound",
      `Systems Manager could not find version ${Selector} of ${Name}.`,
    );
  return {
    Parameter: {
      Name,
      Type: "SecureString",
      Value: WithDecryption === "true" ? value : CIPHERTEXT,
      Version: 1,
      ...(Selector !== undefined && { Selector }),
      LastModifiedDate: sim.world.clock.now() / 1_000,
      ARN: `arn:aws:ssm:${region}:${account}:parameter${Name.startsWith("/") ? "" : "/"}${Name}`,
      DataType: "text",
    },
  };
}
