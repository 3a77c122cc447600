import { describe, expect, test } from "vitest";
import { failure } from "../conformance/harness.js";
import { backendOn, newInstance } from "./fake-daemon.js";

const call = { signal: new AbortController().signal };
const INIT = "/sbin/docker-init -- /no/such/program";
const CATATONIT = "/run/podman-init -- /no/such/program";

/** Null: of one that has ended since it was looked for. */
type Processes = [pid: string, state: string, command: string][] | null;
interface Ending {
  Status: string;
  ExitCode: number;
}

/** What a daemon says after a start that it has called a success: at each look the next of `looks`, and `end` after them. */
interface Said {
  engine?: string;
  looks: (Processes | string)[];
  end?: Ending;
  log?: string;
}

/** Launches there. @returns the requests for processes that were made, and how it ended */
async function launched({ engine = "Engine", looks, end, log = "" }: Said) {
  const instance = newInstance();
  const labels = { "berth.deployment": "test", "berth.workspace": instance.workspaceId };
  const tops: string[] = [];
  const removed: string[] = [];
  const say = (value: unknown) => JSON.stringify(value);
  const backend = await backendOn((request, response) => {
    const { pathname: path, searchParams } = new URL(request.url ?? "", "http://daemon");
    if (path.startsWith("/volumes/")) return response.end(say({ Labels: labels }));
    if (path === "/version") return response.end(say({ Components: [{ Name: engine }] }));
    if (path === "/containers/create") return response.writeHead(201).end('{"Id":"c0ffee"}');
    if (path === "/containers/c0ffee/start") return response.writeHead(204).end();
    if (path === "/containers/c0ffee/logs") return response.end(frame(log));
    if (request.method === "DELETE") {
      removed.push(path);
      return response.writeHead(204).end();
    }
    const at = tops.length;
    const ended = end !== undefined && at >= looks.length;
    if (path === "/containers/c0ffee/json")
      return response.end(say({ State: ended ? end : { Status: "running", ExitCode: 0 } }));
    tops.push(searchParams.get("ps_args") ?? "");
    const look = at < looks.length ? looks[at] : "no more was to be asked";
    if (typeof look === "string") return response.writeHead(500).end(say({ message: look }));
    response.end(say({ Titles: ["PID", "STAT", "COMMAND"], Processes: look }));
  }, 30_000);
  const launch = backend.launch(
    {
      instance,
      volume: instance,
      spec: { image: "x", command: ["/no/such/program"] },
      env: {},
      save: async () => undefined,
    },
    call,
  );
  return { launch, tops, removed };
}

/** A line of standard error, as the logs of a container without a terminal have it. */
function frame(line: string): Buffer {
  const payload = Buffer.from(line === "" ? "" : `2026-11-28T18:00:00Z ${line}\n`);
  const header = Buffer.from([2, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

describe("docker: a start that the daemon calls a success is one when the program runs", () => {
  // As a busy machine has it: the init process alone, its fork that hasn't executed anything yet, one that couldn't.
  const before = (init: string): Processes[] => [
    [["1", "Ss", init]],
    [
      ["1", "Ss", init],
      ["7", "R", init],
    ],
    [
      ["1", "Ss", init],
      ["7", "Z", "[init] <defunct>"],
    ],
  ];

  test("however late Docker's init process says that it can't run the program, it is a permanent failure", async () => {
    const end = { Status: "exited", ExitCode: 127 };
    const { launch, tops, removed } = await launched({ looks: [...before(INIT), null], end });
    await expect(launch).rejects.toThrow(failure("start_failed", "permanent"));
    expect(tops).toEqual(Array(4).fill("-o pid,stat,args"));
    expect(removed).toEqual(["/containers/c0ffee"]);
  });

  test("so it is with Podman's, whose exit code is a program's as well and whose word is in the log", async () => {
    const end = { Status: "stopped", ExitCode: 1 };
    const said = { engine: "Podman Engine", looks: before(CATATONIT), end };
    // Podman 4.3 may keep the second part of that line alone.
    for (const head of ["ERROR (catatonit:7): ", ""]) {
      const log = `${head}failed to exec pid1: No such file or directory`;
      const { launch, tops } = await launched({ ...said, log });
      await expect(launch, log).rejects.toThrow(failure("start_failed", "permanent"));
      expect(tops).toEqual(Array(3).fill("pid,state,args"));
    }
    const own = await launched({ ...said, log: "my own failure" });
    await expect(own.launch).resolves.toMatchObject({ providerId: "c0ffee" });
  });

  test("it isn't asked any more once something else than the init process runs", async () => {
    const runs: Processes = [
      ["1", "Ss", INIT],
      ["7", "S", "/no/such/program"],
    ];
    const { launch, tops } = await launched({ looks: [...before(INIT), runs] });
    await expect(launch).resolves.toMatchObject({ providerId: "c0ffee" });
    expect(tops).toHaveLength(4);
  });

  test("a machine without ps can't tell, and is believed after two looks", async () => {
    const looks = ['ps: exec: "ps": executable file not found in $PATH'];
    const { launch, tops } = await launched({ looks });
    await expect(launch).resolves.toMatchObject({ providerId: "c0ffee" });
    expect(tops).toHaveLength(1);
  });
});
