import { LAUNCH_ERRORS, MEANINGS, type Row } from "@berth/core/compute/ec2/launch-errors";
import { describe, expect, test } from "vitest";
import { type Lab, openLab } from "./lab.js";

const TYPES = ["t3.small", "t3a.small"];
const ALONE = { defaults: { image_id: "ami-0123456789abcdef0", instance_types: ["t3.small"] } };

/** As the operation `provision` does: a volume that no instance ever had is made anew where there may be room. */
async function provision(lab: Lab): Promise<{ zones: string[]; details: Record<string, unknown> }> {
  const zones: string[] = [];
  for (;;) {
    const workspace = await lab.workspace();
    zones.push(String(workspace.volume.details["az"]).slice(-1));
    const instance = workspace.instance();
    try {
      await workspace.launch(instance);
      return { zones, details: instance.details };
    } catch (error) {
      if ((error as { code?: unknown }).code !== "capacity" || zones.length > 5) throw error;
    }
  }
}

const rowsOf = (...scopes: Row[1][]): Row[] => LAUNCH_ERRORS.filter(([, scope]) => scopes.includes(scope));
const statusFor = (code: string): number => (/^Insufficient\w+Capacity$/.test(code) ? 500 : 400);

describe("each refusal of a launch is taken for what it means ([D] AWS's list of error codes)", () => {
  test.each(rowsOf("pair"))(
    "%s is about the %s, %s: the next type is tried in the same zone",
    async (code) => {
      const lab = await openLab();
      lab.fault({ kind: "error", action: "RunInstances", code, status: statusFor(code), type: TYPES[0]! });
      expect(await provision(lab)).toMatchObject({ zones: ["a"], details: { type: TYPES[1] } });
      expect(lab.calls("RunInstances")).toEqual([code, "ok"]);
    },
  );

  test.each(rowsOf("pair"))("%s for all types of a %s, %s: the next zone is tried", async (code) => {
    const lab = await openLab();
    lab.fault({ kind: "error", action: "RunInstances", code, status: statusFor(code), az: "*1a" });
    expect(await provision(lab)).toMatchObject({
      zones: ["a", "b"],
      details: { az: "eu-west-1b", type: TYPES[0] },
    });
    expect(lab.calls("RunInstances")).toEqual([code, code, "ok"]);
  });

  test.each(rowsOf("zone"))(
    "%s is about the %s, %s: the next zone is tried, and no other type before",
    async (code) => {
      const lab = await openLab();
      lab.fault({ kind: "error", action: "RunInstances", code, status: statusFor(code), az: "*1a" });
      expect(await provision(lab)).toMatchObject({ zones: ["a", "b"] });
      expect(lab.calls("RunInstances")).toEqual([code, "ok"]);
    },
  );

  test.each(rowsOf("zone"))("%s, told of the volume already, moves it to the next %s (%s)", async (code) => {
    const lab = await openLab();
    lab.fault({ kind: "error", action: "CreateVolume", code, status: 400, az: "*1a" });
    expect(await provision(lab)).toMatchObject({ zones: ["b"] });
    expect(new Set(lab.params("CreateVolume", "ClientToken")).size).toBe(1);
  });

  test.each(rowsOf("subnet"))(
    "%s is about the %s, %s: another subnet of the zone is tried first",
    async (code) => {
      const subnet = "subnet-0123456789abcdef0";
      const lab = await openLab(
        { subnets: { [subnet]: "eu-west-1a" } },
        { defaults: { ...ALONE.defaults, subnet_ids: [subnet, await defaultSubnet("eu-west-1a")] } },
      );
      lab.fault({ kind: "error", action: "RunInstances", code, status: 400, count: 1 });
      expect((await provision(lab)).details).toMatchObject({ az: "eu-west-1a", type: TYPES[0] });
      expect(new Set(lab.params("RunInstances", "SubnetId")).size).toBe(2);
    },
  );

  test.each(rowsOf("type"))(
    "%s is about the %s, %s: the next type is tried, nobody asks in other zones",
    async (code, _, meaning) => {
      const lab = await openLab();
      lab.fault({ kind: "error", action: "RunInstances", code, status: 400, type: TYPES[0]! });
      expect((await provision(lab)).details).toMatchObject({ type: TYPES[1], az: "eu-west-1a" });
      expect(lab.calls("RunInstances")).toEqual([code, "ok"]);

      const alone = await openLab({}, ALONE);
      alone.fault({ kind: "error", action: "RunInstances", code, status: 400 });
      await expect(provision(alone)).rejects.toMatchObject(failing(meaning, code));
      expect(alone.calls("RunInstances")).toEqual([code]);
      expect(alone.alive()).toEqual([]);
    },
  );

  test.each(rowsOf("request"))(
    "%s is about the whole %s: %s, and nothing else is tried",
    async (code, _, meaning) => {
      const lab = await openLab();
      const workspace = await lab.workspace();
      lab.fault({ kind: "error", action: "RunInstances", code, status: meaning === "wait" ? 500 : 400 });
      await expect(workspace.launch(workspace.instance())).rejects.toMatchObject(failing(meaning, code));
      expect(new Set(lab.params("RunInstances", "ClientToken")).size).toBe(1);
      const [, kind] = MEANINGS[meaning];
      expect(lab.calls("RunInstances")).toHaveLength(kind === "permanent" || meaning === "aborted" ? 1 : 4);
    },
  );
});

test("`Unsupported` is permanent only when no pair of type and zone is left, and is asked again before long", async () => {
  const lab = await openLab();
  lab.fault({ kind: "error", action: "RunInstances", code: "Unsupported", status: 400 });
  await expect(provision(lab)).rejects.toMatchObject(failing("unsupported", "Unsupported"));
  expect(lab.calls("RunInstances")).toHaveLength(6);
});

test("a used volume can't leave a zone without its types: that is permanent, while no room there may pass (I8)", async () => {
  const lab = await openLab();
  const workspace = await lab.workspace();
  Object.assign(workspace.volume, { details: { ...workspace.volume.details, used: true } });
  lab.fault({ kind: "error", action: "RunInstances", code: "Unsupported", status: 400, type: TYPES[0]! });
  lab.fault({ kind: "capacity", type: TYPES[1]! });
  await expect(workspace.launch(workspace.instance())).rejects.toMatchObject(
    failing("no_room", "InsufficientInstanceCapacity"),
  );
  const other = await openLab();
  const stuck = await other.workspace();
  Object.assign(stuck.volume, { details: { ...stuck.volume.details, used: true } });
  other.fault({ kind: "error", action: "RunInstances", code: "Unsupported", status: 400, az: "*1a" });
  await expect(stuck.launch(stuck.instance())).rejects.toMatchObject(failing("unsupported", "Unsupported"));
});

test.each([
  ["SubnetLimitExceeded", 400, "quota"],
  ["InvalidSomethingNew.NotFound", 400, "invalid"],
  ["InvalidSomethingNew", 500, "wait"],
  ["SomethingNobodyKnows", 400, "wait"],
  ["InvalidAMIID.Odd", 400, "no_image"],
] as const)("a code that isn't listed, %s with %i, counts as: %s", async (code, status, meaning) => {
  const lab = await openLab();
  const workspace = await lab.workspace();
  lab.fault({ kind: "error", action: "RunInstances", code, status });
  await expect(workspace.launch(workspace.instance())).rejects.toMatchObject(failing(meaning, code));
});

function failing(meaning: keyof typeof MEANINGS, providerCode: string) {
  const [code, kind, passing] = MEANINGS[meaning];
  return { code, kind, passing, providerCode };
}

async function defaultSubnet(az: string): Promise<string> {
  const { networkOf } = await import("berth-ec2-simulator/ec2/zones");
  const { DEFAULT_SETTINGS } = await import("berth-ec2-simulator/settings");
  const { subnets } = networkOf("123456789012", "eu-west-1", DEFAULT_SETTINGS);
  return [...subnets.values()].find((subnet) => subnet.az === az)!.id;
}
