import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { createDockerBackend } from "@berth/core/compute/docker/backend";
import { messageOf } from "@berth/core/compute/docker/failure";
import { describe, expect, test } from "vitest";
import { failure } from "../conformance/harness.js";
import { INSTALLATION } from "../../support/installations.js";
import { backendOn, newInstance } from "./fake-daemon.js";

const call = { signal: new AbortController().signal };

describe("docker: replies that prove nothing (I4, I5)", () => {
  const replies: Record<string, RequestListener> = {
    "a daemon that never answers": () => undefined,
    "a connection that breaks": (request) => request.socket.destroy(),
    "a connection that breaks in the middle of a reply": (request, response) => {
      response.writeHead(200, { "content-type": "application/json", "content-length": "1000" });
      response.write("[", () => request.socket.destroy());
    },
    "a reply that stops in its middle": (_request, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.write("[{");
    },
    "a server error": (_request, response) => void response.writeHead(500).end('{"message":"no"}'),
    "an empty reply": (_request, response) => void response.writeHead(200).end(),
    "a reply that is no JSON": (_request, response) => void response.writeHead(200).end("<html>"),
    "a reply that is no list": (_request, response) => void response.writeHead(200).end("{}"),
    "a status that nobody knows": (_request, response) => void response.writeHead(418).end("teapot"),
  };
  test.for(Object.entries(replies))("%s makes states unknown, and no stop a success", async ([, reply]) => {
    const backend = await backendOn(reply);
    const ref = newInstance();
    expect([...(await backend.probe([ref], call)).values()]).toEqual(["unknown"]);
    await expect(backend.stop(ref, call)).rejects.toMatchObject({ name: "BackendError", kind: "transient" });
    await expect(backend.listOwned(call)).rejects.toMatchObject({ name: "BackendError", kind: "transient" });
    await expect(backend.removeVolume(ref, call)).rejects.toMatchObject({ name: "BackendError" });
  });

  test("a reply that can't be read says nothing of who a volume belongs to", async () => {
    const backend = await backendOn((_request, response) => response.end());
    const removed = backend.removeVolume(newInstance(), call);
    await expect(removed).rejects.toThrow(failure("backend_failed", "transient"));
  });

  test("a list of volumes with a warning is a part, and refused", async () => {
    const backend = await backendOn((request, response) => {
      const volumes = request.url?.startsWith("/volumes");
      response.end(volumes ? '{"Volumes":[],"Warnings":["driver x didn\'t answer"]}' : "[]");
    });
    await expect(backend.listOwned(call)).rejects.toThrow(/driver x didn't answer/);
  });

  test.for([401, 403])(
    "a proxy that answers %i refuses us for now: what Berth began is tried again (I14)",
    async (status) => {
      const backend = await backendOn(
        (_request, response) => void response.writeHead(status).end('{"message":"no"}'),
      );
      await expect(backend.stop(newInstance(), call)).rejects.toMatchObject({
        code: "credentials",
        kind: "permanent",
        passing: true,
        providerCode: String(status),
      });
    },
  );

  test("a label that isn't the id of a workspace is none, whoever wrote it: the list stays one that a database can be asked about", async () => {
    const labels = {
      "berth.deployment": "test",
      "berth.installation": INSTALLATION,
      "berth.workspace": "mine",
    };
    const backend = await backendOn((request, response) => {
      const volumes = [{ Name: "my-own-data", Labels: labels, CreatedAt: new Date().toISOString() }];
      const containers = [{ Id: "c0ffee", Names: ["/mine"], State: "exited", Labels: labels, Created: 0 }];
      response.end(JSON.stringify(request.url?.startsWith("/volumes") ? { Volumes: volumes } : containers));
    });
    const owned = await backend.listOwned(call);
    expect(owned.map(({ name, workspaceId }) => [name, workspaceId])).toEqual([
      ["mine", null],
      ["my-own-data", null],
    ]);
  });

  test("a removal that another has begun is the end only when the container is in no list any more", async () => {
    const ref = newInstance();
    const labels = {
      "berth.deployment": "test",
      "berth.workspace": ref.workspaceId,
      "berth.generation": "1",
    };
    const container = { Id: "c0ffee", Names: [`/${ref.name}`], State: "exited", Labels: labels, Created: 0 };
    let lists = 0;
    const backend = await backendOn((request, response) => {
      if (request.method === "GET") return response.end(JSON.stringify(++lists < 4 ? [container] : []));
      response.statusCode = 409;
      response.end('{"message":"removal of container c0ffee is already in progress"}');
    });
    expect(await backend.stop(ref, call)).toBe("gone");
    expect(lists).toBe(4);
  });

  test("a start that the daemon calls done already is looked after: a stop may have been pending", async () => {
    const ref = newInstance();
    const labels = { "berth.deployment": "test", "berth.workspace": ref.workspaceId };
    const backend = await backendOn((request, response) => {
      const [path] = (request.url ?? "").split("?");
      if (path?.startsWith("/volumes/")) return response.end(JSON.stringify({ Labels: labels }));
      if (path === "/version") return response.end("{}");
      if (path === "/containers/create") return response.writeHead(201).end('{"Id":"c0ffee"}');
      if (path === "/containers/c0ffee/start") return response.writeHead(304).end();
      response.writeHead(404).end('{"message":"No such container: c0ffee"}');
    });
    const request = {
      instance: ref,
      volume: ref,
      spec: { image: "x" },
      env: {},
      save: async () => undefined,
    };
    await expect(backend.launch(request, call)).rejects.toThrow(failure("backend_failed", "transient"));
  });

  test("a call has a time limit of its own, and says that it was that", async () => {
    const backend = await backendOn(() => undefined);
    await expect(backend.listOwned(call)).rejects.toThrow(failure("backend_timeout", "transient"));
  });

  test("a call ends at once when it is given up, and not at its time limit", async () => {
    let asked: () => void = () => undefined;
    const request = new Promise<void>((resolve) => (asked = resolve));
    const backend = await backendOn(() => asked());
    const given = new AbortController();
    const list = backend.listOwned({ signal: given.signal });
    await Promise.all([expect(list).rejects.toThrow(failure("aborted")), request.then(() => given.abort())]);
  });

  test("nothing listening is an unreachable daemon, by TCP as well", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    server.close();
    await once(server, "close");
    const backend = createDockerBackend({
      installationId: INSTALLATION,
      deploymentId: "test",
      host: `tcp://127.0.0.1:${port}`,
    });
    await expect(backend.listOwned(call)).rejects.toThrow(failure("backend_unreachable", "transient"));
    await backend.close();
  });

  test("a host of another form is refused when the backend is made", () => {
    for (const host of [
      "ftp://docker",
      "ssh://",
      "docker.sock",
      "unix://relative",
      "tcp://",
      "npipe:////./pipe/x",
    ])
      expect(
        () => createDockerBackend({ installationId: INSTALLATION, deploymentId: "test", host }),
        host,
      ).toThrow(/docker host/);
  });

  test("what a daemon says of a request never shows its secrets", () => {
    const error = { statusCode: 400, json: { message: 'invalid "TOKEN=hush hush-2\nx" and 1' } };
    expect(messageOf(error, ["hush", "hush-2\nx", "1", ""])).toBe(
      'invalid "TOKEN=[redacted] [redacted]" and 1',
    );
  });
});
