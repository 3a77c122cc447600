import { defined } from "@berth/core/base/defined";
import { EC2_LIMITS, EC2_TEXTS, type Ec2Spec } from "@berth/core/domain/ec2-spec";
import Type, { type TSchema } from "typebox";
import { flag, strictObject } from "./common.js";
import { expecting } from "./expected.js";

const text = (name: keyof typeof EC2_TEXTS, description?: string) => {
  const { pattern, expected } = EC2_TEXTS[name];
  return expecting(expected, Type.String({ pattern, ...defined({ description }) }));
};
const list = (name: keyof typeof EC2_TEXTS, description: string) =>
  Type.Optional(
    expecting(
      `a list of 1 to ${EC2_LIMITS.listItems}`,
      Type.Array(text(name), { minItems: 1, maxItems: EC2_LIMITS.listItems, description }),
    ),
  );

export const Ec2 = strictObject(
  {
    image_id: Type.Optional(text("image_id", "AMI.")),
    launch_template: Type.Optional(text("launch_template", "Id or name, with `:<version>` if wanted.")),
    instance_types: list("instance_type", "In order of preference: the next one where there is no capacity."),
    subnet_ids: list("subnet_id", "In order of preference. The data volume stays in its zone."),
    security_group_ids: list("security_group_id", "Security groups."),
    instance_profile: Type.Optional(text("instance_profile", "Name or ARN.")),
    volume_gb: Type.Optional(
      expecting(
        `a whole number of GiB from 1 to ${EC2_LIMITS.volumeGb}`,
        Type.Integer({
          minimum: 1,
          maximum: EC2_LIMITS.volumeGb,
          description: "GiB of the data volume; fixed once it is made.",
        }),
      ),
    ),
    spot: flag("One-time spot instances."),
    containers: flag("The agent runs in a container: one more hop to the metadata service."),
    tags: Type.Optional(
      expecting(
        `at most ${EC2_LIMITS.tags} tags; ${EC2_TEXTS.tag_key.expected}`,
        Type.Record(Type.String({ pattern: EC2_TEXTS.tag_key.pattern }), text("tag_value"), {
          maxProperties: EC2_LIMITS.tags,
          additionalProperties: false,
          description: "Further tags on instance and volumes.",
        }),
      ),
    ),
  } satisfies Record<keyof Ec2Spec, TSchema>,
  { description: "Only for the backend `ec2`; what is unset comes from the configuration." },
);
