import type { LaunchRequest } from "@berth/core/compute/backend";
import { createProcessBackend } from "@berth/core/compute/process/backend";
import { INSTALLATION } from "../support/installations.js";

/** A worker process that launches one instance when it is told to, and then stays: its parent, for a while. */
const { dataDir, deploymentId, request } = JSON.parse(process.argv[2] ?? "") as {
  dataDir: string;
  deploymentId: string;
  request: Omit<LaunchRequest, "save">;
};
const backend = createProcessBackend({ dataDir, deploymentId, installationId: INSTALLATION });
// Not `once`: without a listener nothing would keep this process.
process.on("message", () => {
  const save = async () => undefined;
  const { signal } = new AbortController();
  console.log("launching");
  void backend.launch({ ...request, save }, { signal }).then(({ providerId }) => {
    console.log(`launched ${providerId}`);
  });
});
console.log("ready");
