import { apiReads, apiWrites } from "./cases/api.js";
import { gateA, gateA2, gateB, gateC, gateTrips, latency100, latency200 } from "./cases/gate.js";
import { lifecycleEc2, lifecycleProcess } from "./cases/lifecycle.js";
import type { Case } from "./frame/case.js";

/** In the order in which they run: what tells most comes first. */
export const CASES: readonly Case[] = [
  gateA,
  gateB,
  gateC,
  gateTrips,
  latency100,
  apiWrites,
  apiReads,
  lifecycleEc2,
  lifecycleProcess,
  latency200,
  gateA2,
];
