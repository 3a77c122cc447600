/** What a workspace on EC2 may ask for; what is unset comes from the configuration. */
export interface Ec2Spec {
  /** AMI. */
  image_id?: string;
  /** Id or name, with `:<version>` where it isn't the default one. */
  launch_template?: string;
  /** In order of preference: the next one is tried where there is no capacity. */
  instance_types?: string[];
  /** In order of preference. The data volume stays in the zone of the one that it was made for. */
  subnet_ids?: string[];
  security_group_ids?: string[];
  /** Name or ARN. */
  instance_profile?: string;
  /** Size of the data volume in GiB; fixed once it is made. */
  volume_gb?: number;
  /** One-time spot instances. */
  spot?: boolean;
  /** The agent runs in a container on the instance: one more hop to the metadata service. */
  containers?: boolean;
  /** Further tags on instance and volumes. */
  tags?: Record<string, string>;
}

const HEX_ID = "(?:[0-9a-f]{8}|[0-9a-f]{17})";

/** How each text of {@link Ec2Spec} has to look. The API's schema and the configuration read this too. */
export const EC2_TEXTS = {
  image_id: {
    pattern: `^(?:ami-${HEX_ID}|resolve:ssm:[a-zA-Z0-9_.\\-/:]{1,1000})$`,
    expected: "an AMI such as ami-0123456789abcdef0, or resolve:ssm:<parameter>",
  },
  launch_template: {
    pattern: `^(?:lt-${HEX_ID}|[a-zA-Z0-9().\\-/_]{3,128})(?::(?:[1-9][0-9]{0,9}|\\$Default|\\$Latest))?$`,
    expected: "the id or name of a launch template, with :<version> if wanted",
  },
  instance_type: {
    pattern: "^[a-z][a-z0-9\\-]{1,30}\\.[a-z0-9\\-]{1,30}$",
    expected: "an instance type such as t3.small",
  },
  subnet_id: { pattern: `^subnet-${HEX_ID}$`, expected: "a subnet such as subnet-0123456789abcdef0" },
  security_group_id: { pattern: `^sg-${HEX_ID}$`, expected: "a security group such as sg-0123456789abcdef0" },
  instance_profile: {
    pattern:
      "^(?:arn:aws[a-z\\-]*:iam::[0-9]{12}:instance-profile/[\\w+=,.@/\\-]{1,512}|[\\w+=,.@\\-]{1,128})$",
    expected: "the name or ARN of an instance profile",
  },
  tag_key: {
    pattern: "^(?![aA][wW][sS]:|berth:|Name$)[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]{1,128}$",
    expected: "a tag key of at most 128 characters that is not Name and begins with neither aws: nor berth:",
  },
  tag_value: {
    pattern: "^[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]{0,256}$",
    expected: "a tag value of at most 256 letters, digits, spaces or _.:/=+-@",
  },
} as const;

export const EC2_LIMITS = { listItems: 16, tags: 40, volumeGb: 16_384 } as const;

type TextRule = (typeof EC2_TEXTS)[keyof typeof EC2_TEXTS];

/** What is wrong with each field, and what it expects. */
export function ec2Problems(spec: Ec2Spec): { field: string; expected: string }[] {
  const problems: { field: string; expected: string }[] = [];
  const text = (field: string, value: unknown, { pattern, expected }: TextRule): void => {
    if (value === undefined) return;
    if (typeof value !== "string" || !new RegExp(pattern, "u").test(value))
      problems.push({ field: `spec.ec2.${field}`, expected });
  };
  const list = (field: string, values: readonly string[] | undefined, rule: TextRule): void => {
    if (values === undefined) return;
    if (!Array.isArray(values) || values.length === 0 || values.length > EC2_LIMITS.listItems)
      problems.push({ field: `spec.ec2.${field}`, expected: `a list of 1 to ${EC2_LIMITS.listItems}` });
    else for (const [index, value] of values.entries()) text(`${field}.${index}`, value, rule);
  };
  text("image_id", spec.image_id, EC2_TEXTS.image_id);
  text("launch_template", spec.launch_template, EC2_TEXTS.launch_template);
  text("instance_profile", spec.instance_profile, EC2_TEXTS.instance_profile);
  list("instance_types", spec.instance_types, EC2_TEXTS.instance_type);
  list("subnet_ids", spec.subnet_ids, EC2_TEXTS.subnet_id);
  list("security_group_ids", spec.security_group_ids, EC2_TEXTS.security_group_id);
  const { volume_gb: size, tags = {} } = spec;
  if (size !== undefined && !(Number.isInteger(size) && size >= 1 && size <= EC2_LIMITS.volumeGb))
    problems.push({
      field: "spec.ec2.volume_gb",
      expected: `a whole number of GiB from 1 to ${EC2_LIMITS.volumeGb}`,
    });
  if (Object.keys(tags).length > EC2_LIMITS.tags)
    problems.push({ field: "spec.ec2.tags", expected: `at most ${EC2_LIMITS.tags} tags` });
  for (const [key, value] of Object.entries(tags)) {
    text("tags", key, EC2_TEXTS.tag_key);
    text(`tags.${key}`, value, EC2_TEXTS.tag_value);
  }
  return problems;
}

/** Instance types for each tier, where neither spec nor configuration names any. */
export const EC2_TIER_TYPES = {
  1: ["t3.micro", "t3a.micro"],
  2: ["t3.small", "t3a.small"],
  3: ["t3.xlarge", "t3a.xlarge", "m6i.xlarge"],
} as const;
