import { BackendError } from "../backend-error.js";
import { EC2_TIER_TYPES, ec2Problems, type Ec2Spec } from "../../domain/ec2-spec.js";
import type { Spec } from "../../domain/spec.js";
import type { Ec2Options } from "./settings.js";

/** What one launch is made of: the spec over the configuration's defaults. */
export interface Wanted {
  imageId: string | null;
  launchTemplate: { idOrName: string; version: string | null } | null;
  /** Null: the launch template's. */
  types: readonly (string | null)[];
  subnetIds: readonly string[];
  securityGroupIds: readonly string[];
  instanceProfile: string | null;
  volumeGb: number;
  spot: boolean;
  hopLimit: number;
  tags: Readonly<Record<string, string>>;
}

const DEFAULT_VOLUME_GB = 20;

/** @throws BackendError `invalid_spec` */
export function wantedOf(spec: Pick<Spec, "ec2" | "tier">, { defaults }: Ec2Options): Wanted {
  const own: Ec2Spec = spec.ec2 ?? {};
  const [problem] = ec2Problems(own);
  if (problem !== undefined) throw invalid(`${problem.field}: expected ${problem.expected}`);
  // An image of the spec's own isn't overruled by the configuration's template, nor the other way round.
  const named = own.image_id !== undefined || own.launch_template !== undefined ? own : defaults;
  const template = own.launch_template ?? defaults.launch_template ?? null;
  const imageId = named.image_id ?? null;
  if (imageId === null && template === null)
    throw invalid("spec.ec2.image_id: expected an AMI, or a launch template, here or in BERTH_EC2_IMAGE");
  return {
    imageId,
    launchTemplate: template === null ? null : readTemplate(template),
    types:
      own.instance_types ??
      defaults.instance_types ??
      (template === null ? EC2_TIER_TYPES[spec.tier ?? 1] : [null]),
    subnetIds: own.subnet_ids ?? defaults.subnet_ids ?? [],
    securityGroupIds: own.security_group_ids ?? defaults.security_group_ids ?? [],
    instanceProfile: own.instance_profile ?? defaults.instance_profile ?? null,
    volumeGb: own.volume_gb ?? defaults.volume_gb ?? DEFAULT_VOLUME_GB,
    spot: own.spot ?? false,
    hopLimit: own.containers === true ? 2 : 1,
    tags: own.tags ?? {},
  };
}

/** How a type is called in the memory of lacking capacity. */
export function typeName(type: string | null): string {
  return type ?? "template";
}

function readTemplate(text: string): Wanted["launchTemplate"] {
  const [idOrName = "", version = null] = text.split(":");
  return { idOrName, version };
}

function invalid(message: string): BackendError {
  return new BackendError("invalid_spec", "permanent", message);
}
