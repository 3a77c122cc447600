import { testSoak } from "./soak.js";

testSoak(500);
