import { gateA, gateA2, gateB, gateC, gateTrips, latency100, latency200 } from "./cases/gate.js";
import type { Case } from "./frame/case.js";

/** In the order in which they run: what tells most comes first. */
export const CASES: readonly Case[] = [gateA, gateB, gateC, gateTrips, latency100, latency200, gateA2];
