import { AwsError } from "../errors.js";
import type { HttpRequest } from "./message.js";

/** As signatures name them. */
export type Service = "ec2" | "route53" | "servicequotas" | "ssm" | "secretsmanager";

/** Who calls, as far as an unverified signature tells. */
export interface Caller {
  /** Access key id. */
  key: string;
  region: string;
}

const SCOPE = /Credential=([^/,\s]{1,128})\/\d{8}\/([a-z0-9-]{1,40})\/([a-z0-9-]{1,40})\/aws4_request/;

/**
 * Reads the credential scope of a SigV4 `Authorization` header or of a presigned query. Signatures aren't
 * verified: the simulator has no secrets.
 * @throws AwsError `MissingAuthenticationToken` without one, `AuthFailure` if it can't be read or is for
 * another service.
 */
export function readCaller(request: HttpRequest, service: Service): Caller {
  const presigned = request.url.searchParams.get("X-Amz-Credential");
  const text = request.authorization ?? (presigned === null ? undefined : `Credential=${presigned}`);
  if (text === undefined)
    throw new AwsError("MissingAuthenticationToken", "Request is missing Authentication Token");
  const [, key, region, scope] = SCOPE.exec(text) ?? [];
  if (key === undefined || region === undefined || !/^[a-z]{2,}(-[a-z]+)+-\d$/.test(region))
    throw new AwsError("AuthFailure", "AWS was not able to validate the provided access credentials");
  if (scope !== service)
    throw new AwsError("AuthFailure", `Credential should be scoped to correct service: '${service}'.`);
  return { key, region };
}
