import { Webhook as Verifier } from "standardwebhooks";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startReceiver, type Receiver } from "../webhooks/receiver.js";
import { startStage, type Stage } from "./berth.js";

let stage: Stage;
let receiver: Receiver;
let berth: Stage["berth"];
let json: Stage["json"];
beforeAll(async () => {
  stage = await startStage({
    BERTH_WEBHOOKS_ALLOW: "127.0.0.1",
    BERTH_WEBHOOKS_SCHEMES: "http,https",
    BERTH_WEBHOOKS_ATTEMPTS: "1",
    BERTH_WEBHOOKS_RETRY_DELAY_MS: "20",
    BERTH_WEBHOOKS_RETRY_MAX_DELAY_MS: "20",
  });
  ({ berth, json } = stage);
  receiver = await startReceiver();
});
afterAll(async () => {
  await stage.close();
  await receiver.close();
});

const accept = () => receiver.behave((_one, answer) => void answer.writeHead(204).end());
const refuse = () => receiver.behave((_one, answer) => void answer.writeHead(503).end("busy"));

describe("berth webhooks", () => {
  it("makes one whose secret alone goes to standard output, and tries it", async () => {
    const url = `${receiver.url}/made`;
    const { code, stdout, stderr } = await berth(
      "webhooks",
      "create",
      url,
      "--type",
      "workspace.online",
      "-l",
      "team:red",
    );
    expect({ code, stderr }).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("can't be shown again"),
    });
    expect(await berth("webhooks", "ping", url)).toMatchObject({ code: 0, stdout: "it answered 204\n" });
    const { body, headers } = receiver.received.find(({ path }) => path === "/made")!;
    expect(new Verifier(stdout.trim()).verify(body, headers as Record<string, string>)).toMatchObject({
      type: "webhook.ping",
    });
    const [one] = await json("webhooks");
    expect(one).toMatchObject({ url, types: ["workspace.online"], labels: { team: "red" } });
    expect((await berth("webhooks")).stdout).toMatch(
      new RegExp(`^${one.id.slice(0, 8)} +enabled +0 +0 +workspace.online +${url}$`, "m"),
    );
    expect((await berth("webhooks", "rm", one.id.slice(0, 8))).stdout).toBe(`${url} is told nothing more\n`);
    expect((await berth("webhooks")).stderr).toContain("berth webhooks create");
  });

  it("shows what was refused, and sends it again", async () => {
    const url = `${receiver.url}/refusing`;
    await berth("webhooks", "create", url, "--description", "a chat");
    refuse();
    expect(await berth("webhooks", "ping", url)).toMatchObject({
      code: 1,
      stderr: `berth: it answered 503: busy; see: berth webhooks get ${url}\n`,
    });
    const { stdout } = await berth("webhooks", "get", url);
    expect(stdout).toMatch(/^description +a chat$/m);
    expect(stdout).toMatch(/^dead +1$/m);
    expect(stdout).toMatch(/webhook.ping +dead +1 .*it answered 503: busy$/m);
    const [dead] = await json("webhooks", "deliveries", url, "--dead");
    accept();
    expect((await berth("webhooks", "retry", url)).stdout).toBe("1 will be sent again\n");
    await expect.poll(async () => (await json("webhooks", "deliveries", url))[0].state).toBe("delivered");
    expect((await berth("webhooks", "deliveries", url, "--dead")).stderr).toBe("There are none.\n");
    expect((await berth("webhooks", "retry", url, dead.id)).stdout).toBe(`${dead.id} will be sent again\n`);
    await berth("webhooks", "rm", url);
  });

  it("changes, disables and enables one, and gives it a new secret", async () => {
    const url = `${receiver.url}/changed`;
    const { secret } = await json("webhooks", "create", url);
    const other = `${receiver.url}/other`;
    expect((await berth("webhooks", "set", url, "--url", other)).stdout).toBe(`${other} is changed\n`);
    expect(await berth("webhooks", "set", other)).toMatchObject({ code: 2 });
    expect((await berth("webhooks", "disable", other)).stdout).toBe(`${other} is disabled\n`);
    expect(await berth("webhooks", "ping", other)).toMatchObject({ code: 4 });
    expect((await berth("webhooks", "get", other)).stdout).toMatch(/^state +disabled: asked for$/m);
    expect((await berth("webhooks", "enable", other)).stdout).toBe(`${other} is enabled\n`);
    const renewed = (await berth("webhooks", "secret", other)).stdout.trim();
    expect(renewed).toMatch(/^whsec_/);
    expect(renewed).not.toBe(secret);
    await berth("webhooks", "rm", other);
  });

  it("says what is wrong, and what to do", async () => {
    expect(await berth("webhooks", "get", "nobody")).toMatchObject({
      code: 3,
      stderr: "berth: there is no webhook nobody; see: berth webhooks\n",
    });
    const { code, stderr } = await berth("webhooks", "create", "https://10.0.0.1/");
    expect(code).toBe(2);
    expect(stderr).toMatch(/^berth: .*no public address.*BERTH_WEBHOOKS_ALLOW.*\n$/);
    const twice = `${receiver.url}/twice`;
    for (let n = 0; n < 2; n++) await berth("webhooks", "create", twice);
    expect(await berth("webhooks", "rm", twice)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("use an id: "),
    });
  });
});
