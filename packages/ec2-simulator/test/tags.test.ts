import {
  CreateTagsCommand,
  CreateVolumeCommand,
  DeleteTagsCommand,
  DescribeTagsCommand,
  paginateDescribeTags,
  type Tag,
} from "@aws-sdk/client-ec2";
import { expect, test } from "vitest";
import { refusal, startLab, type Lab } from "./support/simulator.js";

function tag({ ec2 }: Lab, Resources: string[], Tags: Tag[]) {
  return ec2.send(new CreateTagsCommand({ Resources, Tags }));
}

async function read({ ec2 }: Lab, id: string): Promise<string[]> {
  const command = new DescribeTagsCommand({ Filters: [{ Name: "resource-id", Values: [id] }] });
  const { Tags = [] } = await ec2.send(command);
  return Tags.map(({ Key, Value, ResourceType }) => `${ResourceType} ${Key}=${Value}`);
}

test("tags are added, overwritten and deleted, on instances and volumes [M]", async () => {
  const lab = await startLab();
  const [id] = await lab.launch();
  const { VolumeId } = await lab.ec2.send(
    new CreateVolumeCommand({ AvailabilityZone: "eu-west-1a", Size: 1 }),
  );
  await tag(
    lab,
    [id!, VolumeId!],
    [
      { Key: "a", Value: "1" },
      { Key: "b", Value: "" },
    ],
  );
  await tag(lab, [id!], [{ Key: "a", Value: "2" }]);
  expect(await read(lab, id!)).toEqual(["instance a=2", "instance b="]);
  expect(await read(lab, VolumeId!)).toEqual(["volume a=1", "volume b="]);
  const Tags = [{ Key: "a", Value: "other" }, { Key: "b" }];
  await lab.ec2.send(new DeleteTagsCommand({ Resources: [id!], Tags }));
  expect(await read(lab, id!)).toEqual(["instance a=2"]);
  await lab.ec2.send(new DeleteTagsCommand({ Resources: [VolumeId!] }));
  expect(await read(lab, VolumeId!)).toEqual([]);
});

test("one unknown id tags nothing [M]", async () => {
  const lab = await startLab();
  const [id] = await lab.launch();
  const both = tag(lab, [id!, "vol-0123456789abcdef0"], [{ Key: "a", Value: "1" }]);
  expect((await refusal(both)).code).toBe("InvalidVolume.NotFound");
  expect((await refusal(tag(lab, ["thing-1"], [{ Key: "a" }]))).code).toBe("InvalidID");
  expect(await read(lab, id!)).toEqual([]);
});

test("a resource has at most 50 tags, and aws: is reserved [M]", async () => {
  const lab = await startLab();
  const [id] = await lab.launch();
  await tag(
    lab,
    [id!],
    Array.from({ length: 50 }, (_, index) => ({ Key: `k${index}`, Value: "v" })),
  );
  expect((await refusal(tag(lab, [id!], [{ Key: "k50", Value: "v" }]))).code).toBe("TagLimitExceeded");
  await tag(lab, [id!], [{ Key: "k49", Value: "w" }]);
  expect((await refusal(tag(lab, [id!], [{ Key: "aws:x", Value: "v" }]))).code).toBe("InvalidParameterValue");
});

test("the paginator of tags sees each tag once, over pages that end between two tags of one thing [M]", async () => {
  const lab = await startLab();
  const ids = await lab.launch({ MinCount: 5, MaxCount: 5 });
  await tag(
    lab,
    ids,
    Array.from({ length: 7 }, (_, index) => ({ Key: `k${index}`, Value: "v" })),
  );
  const seen: string[] = [];
  for await (const page of paginateDescribeTags({ client: lab.ec2, pageSize: 5 }, {}))
    seen.push(...(page.Tags ?? []).map(({ ResourceId, Key }) => `${ResourceId} ${Key}`));
  expect(seen).toHaveLength(35);
  expect(new Set(seen).size).toBe(35);
});
