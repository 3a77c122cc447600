import { testFleet } from "./whole-fleet.js";

testFleet("process", 100);
