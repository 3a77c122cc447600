import { AwsError } from "../errors.js";
import type { JsonRequest } from "./answer.js";

/** Service Quotas' GetServiceQuota. @throws AwsError for one that nobody has set */
export function quotaOf({ sim, account, region, params }: JsonRequest): object {
  const { ServiceCode = "", QuotaCode = "" } = params;
  const { vcpuLimits } = sim.world.settings;
  const value = Object.hasOwn(vcpuLimits, QuotaCode) ? vcpuLimits[QuotaCode] : undefined;
  if (ServiceCode !== "ec2" || value === undefined)
    throw new AwsError("NoSuchResourceException", "The specified resource does not exist.");
  const QuotaArn = `arn:aws:servicequotas:${region}:${account}:ec2/${QuotaCode}`;
  return { Quota: { ServiceCode, QuotaCode, QuotaArn, Value: value, Unit: "None", Adjustable: true } };
}
