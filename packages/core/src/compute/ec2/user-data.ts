import { gzipSync } from "node:zlib";
import type { LaunchRequest } from "../backend.js";
import { BackendError } from "../backend-error.js";

const MAX_BYTES = 16_384;
const DEFAULT_PATH = "/workspace";

/**
 * What the instance runs when it first boots: mounts the data volume, writes the environment where only root
 * can read it, and starts the agent. It echoes nothing, so the console never shows a secret. The same bytes
 * for the same request, or a repeated call wouldn't be the same one for AWS.
 * @returns base64. @throws BackendError `invalid_spec` if it is too large even when compressed
 */
export function userDataOf(
  { spec, env, instance }: LaunchRequest,
  volumeId: string,
  { device, agentCommand }: { device: string; agentCommand: string | null },
): string {
  const path = spec.volume_path ?? DEFAULT_PATH;
  const exports = Object.entries({ ...spec.env, ...env })
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `export ${key}=${quoted(value)}`);
  const command = spec.command === undefined ? agentCommand : `exec ${spec.command.map(quoted).join(" ")}`;
  const disk = `/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_${volumeId.replace("-", "")}`;
  const script = [
    "#!/bin/sh",
    `# Starts ${instance.name}; written by Berth.`,
    "umask 077",
    "mkdir -p /etc/berth",
    "cat > /etc/berth/agent.env <<'BERTH_END_OF_ENV'",
    ...exports,
    "BERTH_END_OF_ENV",
    // The volume is attached once the instance runs, so it comes a moment after the boot.
    "disk=",
    "tries=0",
    `while [ -z "$disk" ] && [ $tries -lt 600 ]; do`,
    `  for one in ${quoted(disk)} ${quoted(device)} ${quoted(device.replace("/dev/sd", "/dev/xvd"))}; do`,
    `    [ -b "$one" ] && disk=$one && break`,
    "  done",
    `  [ -n "$disk" ] || { tries=$((tries + 1)); sleep 1; }`,
    "done",
    // Only a disk with nothing on it: what a workspace has written is never formatted away.
    `blkid "$disk" > /dev/null 2>&1 || mkfs.ext4 -q "$disk"`,
    `mkdir -p ${quoted(path)}`,
    `mount "$disk" ${quoted(path)} || exit 1`,
    ...(command === null ? ["systemctl restart berth-agent.service"] : startScript(path, command)),
    "",
  ].join("\n");
  if (/^BERTH_END_OF_/m.test([...exports, command].join("\n")))
    throw new BackendError(
      "invalid_spec",
      "permanent",
      "no line of spec.env and spec.command may begin with BERTH_END_OF_",
    );
  return encode(script);
}

function startScript(path: string, command: string): string[] {
  return [
    "cat > /etc/berth/start <<'BERTH_END_OF_START'",
    ". /etc/berth/agent.env",
    `cd ${quoted(path)} || exit 1`,
    command,
    "BERTH_END_OF_START",
    "if command -v systemctl > /dev/null 2>&1; then",
    "  cat > /etc/systemd/system/berth-agent.service <<'BERTH_END_OF_UNIT'",
    "[Unit]",
    "Description=Berth workspace",
    "[Service]",
    "ExecStart=/bin/sh /etc/berth/start",
    "Restart=always",
    "RestartSec=2",
    "BERTH_END_OF_UNIT",
    "  systemctl daemon-reload",
    "  systemctl restart berth-agent.service",
    "else",
    "  setsid /bin/sh /etc/berth/start < /dev/null > /var/log/berth-agent.log 2>&1 &",
    "fi",
  ];
}

function encode(script: string): string {
  const plain = Buffer.from(script);
  // cloud-init unpacks it by itself.
  const bytes = plain.length <= MAX_BYTES ? plain : gzipSync(plain, { level: 9 });
  if (bytes.length > MAX_BYTES)
    throw new BackendError(
      "invalid_spec",
      "permanent",
      `spec.command and spec.env are too large for EC2: ${bytes.length} bytes compressed, at most ${MAX_BYTES}`,
    );
  return bytes.toString("base64");
}

/** For sh: nothing in it has a meaning. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
