import { createDockerBackend } from "@berth/core/compute/docker/backend";
import { INSTALLATION } from "../../support/installations.js";

const [host, sshConfig] = process.argv.slice(2);
const backend = createDockerBackend({ installationId: INSTALLATION, deploymentId: "test", host, sshConfig });
await backend.identify({ signal: new AbortController().signal });
process.stdout.write("identified\n");
setInterval(() => undefined, 60_000);
