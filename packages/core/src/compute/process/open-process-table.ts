import { existsSync } from "node:fs";
import { procTable } from "./proc-table.js";
import type { ProcessTable } from "./process-table.js";
import { psTable } from "./ps-table.js";

/** Through `/proc` where it is, and through `ps` elsewhere: without markers, and with seconds for starts. */
export function openProcessTable(): ProcessTable {
  return existsSync("/proc/self/stat") && existsSync("/proc/sys/kernel/random/boot_id")
    ? procTable()
    : psTable();
}
