import type { Action } from "./action.js";
import { attachVolume, detachVolume } from "./actions/attachments.js";
import { getConsoleOutput } from "./actions/console-output.js";
import { describeInstanceStatus } from "./actions/describe-instance-status.js";
import { describeInstances } from "./actions/describe-instances.js";
import { describeInstanceAttribute, modifyInstanceAttribute } from "./actions/instance-attributes.js";
import {
  createLaunchTemplate,
  deleteLaunchTemplate,
  describeLaunchTemplates,
} from "./actions/launch-templates.js";
import { describeAvailabilityZones, describeSubnets } from "./actions/network.js";
import { describeSecurityGroups } from "./actions/security-groups.js";
import { runInstances } from "./actions/run-instances.js";
import { startInstances } from "./actions/start-instances.js";
import { stopInstances } from "./actions/stop-instances.js";
import { createTags, deleteTags, describeTags } from "./actions/tags.js";
import { terminateInstances } from "./actions/terminate-instances.js";
import { createVolume, deleteVolume, describeVolumes } from "./actions/volumes.js";

/** Everything that is answered, by the name it is called with. */
export const ACTIONS: ReadonlyMap<string, Action> = new Map(
  Object.entries({
    RunInstances: runInstances,
    DescribeInstances: describeInstances,
    DescribeInstanceStatus: describeInstanceStatus,
    StartInstances: startInstances,
    StopInstances: stopInstances,
    TerminateInstances: terminateInstances,
    ModifyInstanceAttribute: modifyInstanceAttribute,
    DescribeInstanceAttribute: describeInstanceAttribute,
    GetConsoleOutput: getConsoleOutput,
    CreateTags: createTags,
    DeleteTags: deleteTags,
    DescribeTags: describeTags,
    CreateVolume: createVolume,
    DescribeVolumes: describeVolumes,
    AttachVolume: attachVolume,
    DetachVolume: detachVolume,
    DeleteVolume: deleteVolume,
    DescribeSecurityGroups: describeSecurityGroups,
    DescribeSubnets: describeSubnets,
    DescribeAvailabilityZones: describeAvailabilityZones,
    CreateLaunchTemplate: createLaunchTemplate,
    DeleteLaunchTemplate: deleteLaunchTemplate,
    DescribeLaunchTemplates: describeLaunchTemplates,
  }),
);
