import { describe, expect, test } from "vitest";
import { failure } from "../conformance/harness.js";
import { CREDENTIALS } from "./harness.js";
import { openLab } from "./lab.js";

const SECOND = { accessKeyId: "AKIASECONDACCOUNT000", secretAccessKey: "another-secret" };

describe("which account and Region this is, EC2 itself says (I12)", () => {
  test("two accounts and two Regions have four identities, over one endpoint", async () => {
    const lab = await openLab({ accounts: { [SECOND.accessKeyId]: "222222222222" } });
    const identityOf = (region: string, credentials = CREDENTIALS) =>
      lab.open({ region, credentials }).identify(lab.call);
    expect(await identityOf("eu-west-1")).toBe("aws:123456789012:eu-west-1");
    expect(await identityOf("us-east-1")).toBe("aws:123456789012:us-east-1");
    expect(await identityOf("eu-west-1", SECOND)).toBe("aws:222222222222:eu-west-1");
    expect(await identityOf("us-east-1", SECOND)).toBe("aws:222222222222:us-east-1");
  });

  test("it costs nothing while the same connections are used, however many ask", async () => {
    const lab = await openLab();
    await Promise.all(Array.from({ length: 20 }, () => lab.backend.identify(lab.call)));
    for (let time = 0; time < 5; time++) await lab.backend.identify(lab.call);
    expect(lab.calls("DescribeSecurityGroups")).toEqual(["ok"]);
    expect(lab.calls("DescribeAvailabilityZones")).toEqual(["ok"]);
  });

  test("it is asked anew once a connection was made anew, and then tells of another account", async () => {
    const first = await openLab();
    const { backend, call } = first;
    expect(await backend.identify(call)).toBe("aws:123456789012:eu-west-1");
    await first.close();
    await openLab({ port: first.port, defaultAccount: "333333333333" });
    await expect
      .poll(() => backend.identify(call).catch(() => null), { timeout: 10_000 })
      .toBe("aws:333333333333:eu-west-1");
  }, 30_000);

  test("a refusal or a proxy's page is no identity", async () => {
    const lab = await openLab();
    lab.fault({ kind: "html", status: 200 });
    await expect(lab.backend.identify(lab.call)).rejects.toThrow(failure("backend_unreachable", "transient"));
    lab.clearFaults();
    lab.fault({ kind: "error", code: "UnauthorizedOperation", action: "DescribeSecurityGroups" });
    await expect(lab.backend.identify(lab.call)).rejects.toThrow(failure("credentials", "permanent"));
    lab.clearFaults();
    expect(await lab.backend.identify(lab.call)).toBe("aws:123456789012:eu-west-1");
  }, 30_000);
});
