import { request } from "node:http";

const LIMIT_MS = 1_000;

/**
 * True if a Docker daemon answers within a second. TLS is not tried: with a remote daemon BERTH_BACKENDS says
 * that it is wanted.
 */
export async function dockerAnswers(dockerHost: string | null): Promise<boolean> {
  const place = new URL(dockerHost ?? "unix:///var/run/docker.sock");
  if (place.protocol === "https:") return false;
  const target =
    place.protocol === "unix:"
      ? { socketPath: place.pathname }
      : { host: place.hostname, port: place.port || (place.protocol === "http:" ? 80 : 2375) };
  return new Promise((resolve) => {
    const ping = request({ ...target, path: "/_ping", signal: AbortSignal.timeout(LIMIT_MS) }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    ping.on("error", () => resolve(false));
    ping.end();
  });
}
