import {
  CreateLaunchTemplateCommand,
  type CreateLaunchTemplateCommandInput,
  CreateTagsCommand,
  DescribeLaunchTemplatesCommand,
  type Tag,
} from "@aws-sdk/client-ec2";
import type { Owner } from "../../domain/owner.js";
import type { NoteRole, Notes } from "../notes.js";
import { type Call, send } from "./aws.js";
import type { Ec2 } from "./context.js";
import { codeOf, failureOf } from "./failure.js";
import { DEPLOYMENT, INSTALLATION, readTags, type Tags } from "./tags.js";

const EXISTS = "InvalidLaunchTemplateName.AlreadyExistsException";

/** What holds an installation's notes in an account and Region. */
export function noteTemplate(
  { deploymentId, installationId }: Owner,
  tags: readonly Tag[] = [],
): CreateLaunchTemplateCommandInput {
  const own = [
    { Key: DEPLOYMENT, Value: deploymentId },
    { Key: INSTALLATION, Value: installationId },
  ];
  return {
    LaunchTemplateName: nameOf(installationId),
    // One without any data is refused.
    LaunchTemplateData: { InstanceInitiatedShutdownBehavior: "terminate" },
    TagSpecifications: [{ ResourceType: "launch-template", Tags: [...own, ...tags] }],
  };
}

const nameOf = (installationId: string): string => `berth-notes-${installationId}`;

/** See `Notes`: tags of a launch template that nothing is launched from, since one costs nothing and tags can be changed. */
export function notesOfAccount({ aws, options }: Ec2): Notes {
  const name = nameOf(options.installationId);
  const keyOf = (role: NoteRole): string => `berth:note-${role}`;
  const callOf = (what: string, signal: AbortSignal): Call => ({ what, priority: "reconcile", signal });

  const find = async (signal: AbortSignal): Promise<{ id: string; tags: Tags } | null> => {
    const { LaunchTemplates: found = [] } = await send(
      aws,
      aws.ec2,
      new DescribeLaunchTemplatesCommand({ Filters: [{ Name: "launch-template-name", Values: [name] }] }),
      callOf("read notes", signal),
    );
    const [template] = found;
    if (template?.LaunchTemplateId === undefined) return null;
    return { id: template.LaunchTemplateId, tags: readTags(template.Tags) };
  };
  const make = async (tag: Tag, signal: AbortSignal): Promise<boolean> => {
    const what = "make a launch template for notes";
    try {
      await send(
        aws,
        aws.ec2,
        new CreateLaunchTemplateCommand(noteTemplate(options, [tag])),
        callOf(what, signal),
        { raw: true },
      );
      return true;
    } catch (error) {
      if (codeOf(error) === EXISTS) return false;
      throw failureOf(what, error);
    }
  };
  return {
    async read(role, signal) {
      const note = (await find(signal))?.tags.get(keyOf(role)) ?? "";
      return note === "" ? [] : [note];
    },
    async leave(role, note, signal) {
      const tag: Tag = { Key: keyOf(role), Value: note ?? "" };
      let there = await find(signal);
      if (there === null && note === null) return;
      if (there === null && (await make(tag, signal))) return;
      there ??= await find(signal);
      // Made by another a moment ago, and not visible yet: the next look leaves it.
      if (there === null || (there.tags.get(tag.Key!) ?? "") === tag.Value) return;
      const change = new CreateTagsCommand({ Resources: [there.id], Tags: [tag] });
      await send(aws, aws.ec2, change, callOf("leave a note", signal));
    },
  };
}
