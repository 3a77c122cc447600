import type { Absences } from "@berth/core/compute/ec2/absence";
import type { Ec2Options } from "@berth/core/compute/ec2/settings";
import type { WorkerConfig } from "@berth/core/config/config";

/** An EC2 that the SDK wouldn't find by itself. */
export type AwsPlace = Pick<Ec2Options, "endpoint" | "region" | "credentials">;

export function ec2Options(config: WorkerConfig, installationId: string, absences: Absences): Ec2Options {
  return {
    deploymentId: config.deploymentId,
    installationId,
    defaults: {
      ...given("image_id", config.ec2Image),
      ...given("launch_template", config.ec2LaunchTemplate),
      ...given("instance_types", config.ec2InstanceTypes && [...config.ec2InstanceTypes]),
      ...given("subnet_ids", config.ec2Subnets && [...config.ec2Subnets]),
      ...given("security_group_ids", config.ec2SecurityGroups && [...config.ec2SecurityGroups]),
      ...given("instance_profile", config.ec2InstanceProfile),
      volume_gb: config.ec2VolumeGb,
    },
    volumeType: config.ec2VolumeType,
    agentCommand: config.ec2AgentCommand,
    address: config.ec2Address,
    urlTemplate: config.ec2Url,
    dns:
      config.ec2HostedZoneId === null || config.ec2DnsSuffix === null
        ? null
        : { zoneId: config.ec2HostedZoneId, suffix: config.ec2DnsSuffix },
    settleMs: config.ec2SettleMs,
    absenceMs: config.ec2AbsenceMs,
    absences,
    callTimeoutMs: config.callTimeoutMs,
    startTimeoutMs: config.startTimeoutMs,
    stopGraceMs: config.stopGraceMs,
    apiShare: config.ec2ApiPercent / 100,
  };
}

function given<Key extends string, Value>(key: Key, value: Value | null): Partial<Record<Key, Value>> {
  return value === null ? {} : ({ [key]: value } as Record<Key, Value>);
}
