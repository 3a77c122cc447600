import { apiReads, apiWrites } from "./cases/api.js";
import { behaviour } from "./cases/behaviour.js";
import { gateA, gateA2, gateB, gateC, gateTrips, latency100, latency200 } from "./cases/gate.js";
import { growth, growthMillion } from "./cases/growth.js";
import { heartbeats } from "./cases/heartbeats.js";
import { lifecycleEc2, lifecycleProcess } from "./cases/lifecycle.js";
import { start } from "./cases/start.js";
import { storm } from "./cases/storm.js";
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
  growth,
  start,
  heartbeats,
  storm,
  latency200,
  gateA2,
  behaviour,
  growthMillion,
];
