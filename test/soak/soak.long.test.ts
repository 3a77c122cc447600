import { testSoak } from "./soak.js";

/** `npm run soak` asks for more. */
testSoak(Number(process.env.BERTH_TEST_SOAK ?? 5_000));
