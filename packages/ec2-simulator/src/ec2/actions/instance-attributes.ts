import { AwsError, invalidValue } from "../../errors.js";
import { Reader } from "../../query/reader.js";
import type { XmlFields } from "../../xml/write.js";
import { stopIfDryRun, type Action } from "../action.js";
import { findInstance } from "../find.js";
import type { Instance } from "../instance.js";
import { checkType, readUserData } from "../launch-request.js";
import { readUserDataText } from "../user-data.js";
import { presentInstance } from "../present/instance.js";

export const modifyInstanceAttribute: Action = {
  accepts: [
    "Attribute",
    "BlockDeviceMapping",
    "DisableApiTermination",
    "DryRun",
    "InstanceId",
    "InstanceInitiatedShutdownBehavior",
    "InstanceType",
    "UserData",
    "Value",
  ],
  ignores: [
    "DisableApiStop",
    "EbsOptimized",
    "EnaSupport",
    "EnclaveOptions",
    "GroupId",
    "Kernel",
    "Ramdisk",
    "SourceDestCheck",
    "SriovNetSupport",
  ],
  run(context) {
    const { request, region } = context;
    const instance = findInstance(context, request.required("InstanceId"));
    const changes = [
      readProtection(request, instance),
      readShutdownBehavior(request, instance),
      readWhileStopped(request, "InstanceType", instance, (type) => (instance.type = checkType(type))),
      readWhileStopped(
        request,
        "UserData",
        instance,
        (data) => (instance.userData = region.userData.keep(data)),
      ),
      ...readDisks(request, instance),
    ].filter((change) => change !== null);
    stopIfDryRun(context);
    for (const change of changes) change();
    if (changes.length > 0) context.effects.push(`modified ${instance.id}`);
    return { return: true };
  },
};

export const describeInstanceAttribute: Action = {
  accepts: ["Attribute", "DryRun", "InstanceId"],
  ignores: [],
  run(context) {
    const { request, region } = context;
    const instance = findInstance(context, request.required("InstanceId"));
    const attribute = request.required("Attribute");
    const value = presentAttribute(instance, attribute, presentInstance(instance, region, 0));
    if (value === null) throw invalidValue("attribute", attribute, "Unknown or unsupported attribute.");
    stopIfDryRun(context);
    return { instanceId: instance.id, ...value };
  },
};

function presentAttribute(instance: Instance, attribute: string, shown: XmlFields): XmlFields | null {
  switch (attribute) {
    case "disableApiTermination":
      return { disableApiTermination: { value: instance.protected } };
    case "instanceInitiatedShutdownBehavior":
      return { instanceInitiatedShutdownBehavior: { value: instance.shutdownBehavior } };
    case "instanceType":
      return { instanceType: { value: instance.type } };
    case "userData":
      return { userData: instance.userData === null ? {} : { value: readUserDataText(instance.userData) } };
    case "rootDeviceName":
      return { rootDeviceName: { value: instance.launch.spec.rootDevice } };
    case "blockDeviceMapping":
      return { blockDeviceMapping: shown["blockDeviceMapping"] };
    case "groupSet":
      return { groupSet: shown["groupSet"] };
    default:
      return null;
  }
}

/** The value given as `Name.Value`, or as `Attribute=name` with `Value`. */
function attributeValue(request: Reader, name: string): Reader | undefined {
  const nested = request.group(name);
  if (nested) return nested;
  if (request.string("Attribute")?.toLowerCase() !== name.toLowerCase()) return undefined;
  const value = request.text("Value");
  return value === undefined ? undefined : new Reader(new Map([["Value", value]]));
}

function readProtection(request: Reader, instance: Instance): (() => void) | null {
  const on = attributeValue(request, "DisableApiTermination")?.boolean("Value");
  return on === undefined ? null : () => void (instance.protected = on);
}

function readShutdownBehavior(request: Reader, instance: Instance): (() => void) | null {
  const behavior = attributeValue(request, "InstanceInitiatedShutdownBehavior")?.oneOf("Value", [
    "stop",
    "terminate",
  ]);
  return behavior === undefined ? null : () => void (instance.shutdownBehavior = behavior);
}

function readWhileStopped(
  request: Reader,
  name: "InstanceType" | "UserData",
  instance: Instance,
  write: (value: string) => void,
): (() => void) | null {
  const value = attributeValue(request, name)?.string("Value");
  if (value === undefined) return null;
  if (name === "InstanceType") checkType(value);
  else readUserData(value);
  if (instance.state !== "stopped")
    throw new AwsError(
      "IncorrectInstanceState",
      `The instance '${instance.id}' is not in the 'stopped' state.`,
    );
  return () => write(value);
}

function readDisks(request: Reader, instance: Instance): (() => void)[] {
  return request.groups("BlockDeviceMapping").map((mapping) => {
    const device = mapping.required("DeviceName");
    const attachment = instance.volumes.find((volume) => volume.attachment?.device === device)?.attachment;
    if (!attachment)
      throw new AwsError("InvalidInstanceAttributeValue", `No device is currently mapped at ${device}`);
    const goes = mapping.group("Ebs")?.boolean("DeleteOnTermination");
    return () => void (attachment.deleteOnTermination = goes ?? attachment.deleteOnTermination);
  });
}
