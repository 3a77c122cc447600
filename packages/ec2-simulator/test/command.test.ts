import { expect, test } from "vitest";
import { command } from "./support/command.js";
import { startLab } from "./support/simulator.js";

test("it says where it listens, answers there, and ends cleanly on SIGTERM", async () => {
  const running = command("--port", "0", "--clock", "virtual", "--seed", "7", "--delay", "pending=5");
  const url = await running.url();
  const health = (await (await fetch(`${url}/_sim/health`)).json()) as Record<string, unknown>;
  expect(health).toMatchObject({ status: "ok", seed: 7, clock: "virtual" });
  running.child.kill("SIGTERM");
  const { code, stdout, stderr } = await running.finished();
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout.split("\n")).toHaveLength(2);
});

test("--help tells every flag and ends with 0", async () => {
  const { code, stdout } = await command("--help").finished();
  expect(code).toBe(0);
  expect(stdout).toMatch(/--port[\s\S]*--clock[\s\S]*--buckets[\s\S]*pending=2000/);
});

test.each([
  [["--prot", "1"], "--prot"],
  [["--port", "http"], "--port must be a whole number from 0 to 65535"],
  [["--clock", "fast"], "--clock must be real, virtual or a factor above 0"],
  [["--delay", "lunch=5"], "--delay knows pending"],
  [["--subnet", "subnet-1"], "--subnet must be name=value"],
  [["--account", "AKIA=12"], "--account must be key=12 digits"],
  [["start"], "start"],
])("%j is one line on stderr and exit 2", async (args, part) => {
  const { code, stderr, stdout } = await command(...args).finished();
  expect(code).toBe(2);
  expect(stdout).toBe("");
  expect(stderr).toContain(part);
  expect(stderr.trimEnd().split("\n")).toHaveLength(1);
});

test("a port in use is one line on stderr and exit 1", async () => {
  const { port } = await startLab();
  const { code, stderr } = await command("--port", String(port)).finished();
  expect(code).toBe(1);
  expect(stderr).toBe(`berth-ec2-simulator: port ${port} is in use; choose another with --port\n`);
});
