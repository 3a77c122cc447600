import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getPlace } from "@berth/core/db/places";
import { createWorkspace } from "@berth/core/requests/create";
import { removeWorkspace } from "@berth/core/requests/delete";
import { expect, inject, it, onTestFinished, vi } from "vitest";
import { openEc2Fleet } from "../compute/ec2/fleet.js";
import { BY_TEST, fleetEnvironment, newWorkspace } from "../support/fleet.js";
import { ended } from "../support/wait.js";
import { startProcess } from "../support/worker-process.js";

it("one worker serves two Regions, and another account by its profile, each a place of its file, and removes from each what is there (I12)", async () => {
  const directory = await mkdtemp(join(tmpdir(), "accounts-file-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const fleet = await openEc2Fleet({
    workers: 0,
    server: { accounts: { AKIAOTHER: "210987654321" } },
  });
  const [file, credentials] = [join(directory, "places.json"), join(directory, "credentials")];
  const profile = (name: string, key: string) =>
    `[${name}]\naws_access_key_id = ${key}\naws_secret_access_key = none\n`;
  await writeFile(credentials, profile("default", "AKIAONE") + profile("other", "AKIAOTHER"));
  const place = { backend: "ec2", endpoint: fleet.lab.url, image: "ami-00000000000000000" };
  const places = {
    ec2: { ...place, region: "eu-west-1" },
    us: { ...place, region: "us-east-1" },
    theirs: { ...place, region: "us-east-1", profile: "other" },
  };
  await writeFile(file, JSON.stringify({ places }));
  const worker = startProcess(
    new URL("../../apps/worker/src/main.ts", import.meta.url),
    fleetEnvironment(fleet.database.url, inject("redis").url, {
      BERTH_BACKENDS: "ec2",
      BERTH_PLACES_FILE: file,
      BERTH_EC2_SETTLE_MS: "400",
      BERTH_EC2_ABSENCE_MS: "300",
      AWS_SHARED_CREDENTIALS_FILE: credentials,
      AWS_CONFIG_FILE: join(directory, "none"),
    }),
  );
  onTestFinished(() => worker.kill());
  const identities = () =>
    Promise.all(Object.keys(places).map(async (name) => (await getPlace(fleet.pool, name))?.identity));
  await vi.waitFor(
    async () =>
      expect(await identities()).toEqual([
        "aws:123456789012:eu-west-1",
        "aws:123456789012:us-east-1",
        "aws:210987654321:us-east-1",
      ]),
    { timeout: 20_000, interval: 50 },
  );

  const made = [];
  for (const name of Object.keys(places)) {
    const spec = { readiness: "running" as const };
    const given = { ...newWorkspace(), backend: "ec2" as const, spec, place: name };
    made.push(await createWorkspace(fleet.context, given, BY_TEST));
  }
  const provisions = made.map(({ operation }) => operation.id);
  expect(await ended(fleet.pool, provisions)).toMatchObject(made.map(() => ({ state: "succeeded" })));
  expect(fleet.lab.sim.regions().map(({ instances }) => instances.size)).toEqual([1, 1, 1]);
  const removals: string[] = [];
  for (const { workspace } of made) {
    const how = { cascade: false, purge: false, ...BY_TEST };
    removals.push(
      ...(await removeWorkspace(fleet.context, workspace.id, how)).operations.map(({ id }) => id),
    );
  }
  expect(await ended(fleet.pool, removals)).toMatchObject(made.map(() => ({ state: "succeeded" })));
  expect(await fleet.left()).toEqual({ instances: 0, volumes: 0, records: 0 });
}, 60_000);
