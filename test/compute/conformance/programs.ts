import type { InstanceRef } from "@berth/core/compute/backend";
import { describe, expect, test, vi } from "vitest";
import { type Bench, failure, textOf } from "./harness.js";

const NASTY = [
  "plain",
  "",
  "two words",
  `single ' and double " quotes`,
  "$(touch pwned) `touch pwned` $HOME ${PATH}",
  "; touch pwned & | > pwned < x",
  "line\nbreak\tand tab\r",
  "back\\slash \\n %s %n",
  "*?[a-z]{a,b}~ !! #",
  "Grüße 世界 🚢 e\u0301",
  "-n --version",
  "x=y=z",
];
const NASTY_KEYS = [
  "a.b",
  "with space",
  "ключ",
  "dash-ed",
  "$(touch pwned)",
  "PWD",
  "IFS",
  "OPTIND",
  "_",
  "x'y\"z",
];

export function describePrograms(use: () => Bench): void {
  describe("programs", () => {
    const linesOf = async (ref: InstanceRef, tail = 1_000) =>
      textOf(await use().backend.logs(ref, { ...use().call, tail }));
    const launched = async (spec: { command: string[]; env?: Record<string, string> }) => {
      const { prepared, request, backend, call } = use();
      const workspace = await prepared();
      const instance = workspace.instance();
      await backend.launch(request(workspace, instance, spec), call);
      return { workspace, instance };
    };

    test("arguments arrive as they are and reach no shell", async (context) => {
      if (use().harness.volumePath === null) return context.skip("the provider runs no programs");
      const { instance } = await launched({ command: ["printf", "%s\\0", ...NASTY, "end"] });
      await expect.poll(() => linesOf(instance)).toContain("end\0");
      expect((await linesOf(instance)).split("\0")).toEqual([...NASTY, "end", ""]);
    });

    test("environment keys and values arrive as they are and reach no shell", async (context) => {
      if (use().harness.volumePath === null) return context.skip("the provider runs no programs");
      const plain = Object.fromEntries(NASTY.map((value, index) => [`VALUE_${index}`, value]));
      const strange = Object.fromEntries(NASTY_KEYS.map((key, index) => [key, NASTY[index] ?? ""]));
      for (const env of [plain, { ...plain, ...strange }]) {
        const { instance } = await launched({ command: ["env", "-0"], env: { ...env, END: "end" } });
        await expect.poll(() => linesOf(instance)).toContain("END=end\0");
        const seen = (await linesOf(instance)).split("\0").map((entry) => {
          const at = entry.indexOf("=");
          return [entry.slice(0, at), entry.slice(at + 1)];
        });
        expect(Object.fromEntries(seen)).toMatchObject(env);
      }
    });

    test("what the request adds to the environment wins over the spec's", async (context) => {
      const { harness, prepared, request, backend, call } = use();
      if (harness.volumePath === null) return context.skip("the provider runs no programs");
      const workspace = await prepared();
      const instance = workspace.instance();
      const command = ["sh", "-c", "echo $BERTH_TOKEN $BERTH_GENERATION"];
      const asked = request(workspace, instance, { command, env: { BERTH_TOKEN: "forged" } });
      await backend.launch({ ...asked, env: { BERTH_TOKEN: "true", BERTH_GENERATION: "1" } }, call);
      await expect.poll(() => linesOf(instance)).toBe("true 1");
    });

    test("what no system can hand to a program is refused, without its value", async (context) => {
      const { harness, prepared, request, backend, call } = use();
      if (harness.volumePath === null) return context.skip("the provider runs no programs");
      const workspace = await prepared();
      for (const env of [{ "a=b": "s3cret" }, { "": "s3cret" }, { K: "s3cret\0" }, { "a\0b": "s3cret" }]) {
        const launch = backend.launch(request(workspace, workspace.instance(), { env }), call);
        await expect(launch).rejects.toThrow(failure("invalid_spec", "permanent"));
        await expect(launch).rejects.not.toThrow(/s3cret/);
      }
    });

    test("a volume keeps its content through stop and launch, and a program can end in good order", async (context) => {
      const { harness, prepared, running, backend, call } = use();
      if (harness.volumePath === null) return context.skip("the provider runs no programs");
      const workspace = await prepared();
      const writer = [
        `cd ${harness.volumePath}`,
        "trap 'echo ended >> diary; exit 0' TERM",
        "echo began >> diary",
        "cat diary",
        "while :; do sleep 0.1; done",
      ];
      const command = ["sh", "-c", writer.join("\n")];
      const first = await running(workspace, 1, { command });
      await expect.poll(() => linesOf(first)).toBe("began");
      expect(await backend.stop(first, call)).toBe("gone");
      const second = await running(workspace, 2, { command });
      await expect.poll(() => linesOf(second)).toBe("began\nended\nbegan");
    });

    test("a program that ignores SIGTERM is killed after its grace", async (context) => {
      const { harness, prepared, running, stateOf, backend, call } = use();
      if (harness.volumePath === null) return context.skip("the provider runs no programs");
      const command = ["sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 1; done"];
      const instance = await running(await prepared(), 1, { command });
      await expect.poll(() => linesOf(instance)).toBe("deaf");
      const began = performance.now();
      expect(await backend.stop(instance, call)).toBe("gone");
      expect(performance.now() - began).toBeGreaterThan(900);
      expect(await stateOf(instance)).toBe("gone");
    });

    test("a program that can't be run is a permanent failure of the start, and leaves nothing", async (context) => {
      const { harness, prepared, request, backend, call } = use();
      if (harness.volumePath === null) return context.skip("the provider runs no programs");
      const workspace = await prepared();
      for (const program of ["/no/such/program", "nosuchprogram", "/etc"]) {
        const spec = { command: [program], env: { SECRET: "s3cret-value" } };
        const launch = backend.launch(request(workspace, workspace.instance(), spec), call);
        await expect(launch, program).rejects.toThrow(failure("start_failed", "permanent"));
        await expect(launch).rejects.not.toThrow(/s3cret/);
      }
      expect((await backend.listOwned(call)).map(({ kind }) => kind)).toEqual(["volume"]);
    });

    test("how a program ended is told: its exit code, its signal, or that its command is over", async (context) => {
      const { harness, prepared, running, another, stateOf, backend, call } = use();
      if (harness.volumePath === null) return context.skip("the provider runs no programs");
      const reason = async (instance: InstanceRef) => {
        await vi.waitFor(async () => expect(await stateOf(instance)).toBe("stopped"), 10_000);
        return backend.reasonOf?.(instance);
      };
      const runs = await running(await prepared());
      expect(backend.reasonOf?.(runs)).toBeNull();
      expect(await reason((await launched({ command: ["sh", "-c", "exit 3"] })).instance)).toBe("exit 3");
      const { instance: over } = await launched({ command: ["true"] });
      expect(await reason(over)).toBe("exit 0 (the command is over)");
      await harness.crash(runs);
      expect(await reason(runs)).toBe("exit 137 (SIGKILL)");
      // A stop that finds it ended has seen as much, in a worker that never probed it.
      const other = another();
      expect(await other.stop(over, call)).toBe("gone");
      expect(other.reasonOf?.(over)).toBe("exit 0 (the command is over)");
      // What a stop ends by itself is no finding.
      const asked = await running(await prepared());
      expect(await other.stop(asked, call)).toBe("gone");
      expect(other.reasonOf?.(asked)).toBeNull();
    });

    test("logs are the last lines of both outputs, also of a program that has ended", async (context) => {
      const { harness, stateOf, backend, call } = use();
      if (harness.volumePath === null) return context.skip("the provider runs no programs");
      const script = "echo oops >&2; sleep 0.3; for i in 1 2 3 4 5; do echo line $i; done";
      const { instance } = await launched({ command: ["sh", "-c", script] });
      await vi.waitFor(async () => expect(await stateOf(instance)).toBe("stopped"));
      await expect.poll(() => linesOf(instance, 1)).toBe("line 5");
      expect(await linesOf(instance, 3)).toBe("line 3\nline 4\nline 5");
      expect(await linesOf(instance, 6)).toBe("oops\nline 1\nline 2\nline 3\nline 4\nline 5");
      expect(await linesOf(instance, 0)).toBe("");
      expect(await backend.stop(instance, call)).toBe("gone");
      expect(await linesOf(instance)).toBe("");
    });

    test("logs tell the two outputs and the time of each line where the provider knows them", async (context) => {
      const { harness, backend, call } = use();
      if (harness.volumePath === null) return context.skip("the provider runs no programs");
      const { instance } = await launched({ command: ["sh", "-c", "echo fine; sleep 0.2; echo oops >&2"] });
      await expect.poll(() => linesOf(instance)).toBe("fine\noops");
      const { lines, truncated } = await backend.logs(instance, { ...call, tail: 2 });
      expect(truncated).toBe(false);
      expect((await backend.logs(instance, { ...call, tail: 1 })).truncated).toBe(true);
      const known = harness.tellsStreams;
      expect(lines.map(({ stream }) => stream)).toEqual(known ? ["stdout", "stderr"] : [null, null]);
      for (const { time } of lines)
        if (known) expect(Math.abs(Date.parse(time!) - Date.now())).toBeLessThan(60_000);
        else expect(time).toBeNull();
    });

    test("logs after a cursor neither skip nor repeat a line, and leave a line that has no end yet", async (context) => {
      const { harness, prepared, running, backend, call } = use();
      if (harness.volumePath === null) return context.skip("the provider runs no programs");
      const script =
        'i=0; while [ $i -lt 400 ]; do echo "line $i"; i=$((i+1)); done; printf unfinished; sleep 3600';
      const instance = await running(await prepared(), 1, { command: ["sh", "-c", script] });
      const seen: string[] = [];
      let since: string | undefined;
      await expect
        .poll(
          async () => {
            const logs = await backend.logs(instance, { ...call, tail: 10_000, since, wholeLines: true });
            expect(logs.truncated).toBe(false);
            seen.push(...logs.lines.map(({ text }) => text));
            since = logs.cursor ?? since;
            return seen.length;
          },
          { interval: 1 },
        )
        .toBe(400);
      expect(seen).toEqual(Array.from({ length: 400 }, (_, n) => `line ${n}`));
      expect((await backend.logs(instance, { ...call, tail: 9, since, wholeLines: true })).lines).toEqual([]);
      const behind = await backend.logs(instance, { ...call, tail: 10_000 });
      expect(behind.lines.length).toBeGreaterThanOrEqual(400);
      const few = await backend.logs(instance, { ...call, tail: 2, wholeLines: true });
      expect(few).toMatchObject({ truncated: true, lines: [{ text: "line 398" }, { text: "line 399" }] });
    });

    test("the limits of the spec are the provider's limits", async (context) => {
      const { harness, prepared, running } = use();
      if (harness.limits === null) return context.skip("the provider has no limits");
      const tiered = await running(await prepared(), 1, { tier: 1 });
      expect(await harness.limits(tiered)).toEqual({ memoryBytes: 512 * 2 ** 20, cpus: 0.5, pids: 256 });
      const own = await running(await prepared(), 1, { tier: 3, memory_mb: 64, pids_limit: 50 });
      expect(await harness.limits(own)).toEqual({ memoryBytes: 64 * 2 ** 20, cpus: 4, pids: 50 });
    });
  });
}
