import type { TestProject } from "vitest/node";
import { neededServices } from "./needed-services.js";
import { SERVICE_NAMES, type ServiceName, startServices } from "./services.js";

/**
 * Starts the services that the files of this run need, once, and ends them after it. What the tests leaked fails the
 * run. `BERTH_TEST_SERVICES=postgres,redis` starts these and no others.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const names = given(process.env.BERTH_TEST_SERVICES) ?? neededServices(project.vitest.state.getPaths());
  const services = await startServices(names);
  for (const { name, provided } of services.started) project.provide(name, provided as never);
  return async () => {
    const leaks = await services.stop();
    if (leaks.length === 0) return;
    console.error(`\nLeaked by the tests:\n${leaks.map((leak) => `  ${leak}`).join("\n")}`);
    // The runner only logs what a teardown throws.
    process.exitCode = 1;
  };
}

function given(list: string | undefined): readonly ServiceName[] | null {
  if (list === undefined) return null;
  const names = list.split(",").filter((name) => name !== "");
  const unknown = names.find((name) => !SERVICE_NAMES.includes(name as ServiceName));
  if (unknown !== undefined)
    throw new Error(`BERTH_TEST_SERVICES: no service "${unknown}", only ${SERVICE_NAMES.join(", ")}`);
  return names as ServiceName[];
}
