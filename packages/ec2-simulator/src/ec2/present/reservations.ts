import type { XmlFields } from "../../xml/write.js";
import type { Instance } from "../instance.js";
import type { Region } from "../region.js";
import { presentInstance } from "./instance.js";

/** Instances in order, grouped by the call that launched them. */
export function* presentReservations(
  instances: readonly Instance[],
  region: Region,
  highByte: number,
): Generator<XmlFields> {
  for (let start = 0; start < instances.length;) {
    const { launch } = instances[start]!;
    let end = start + 1;
    while (instances[end]?.launch === launch) end++;
    yield presentReservation(instances.slice(start, end), region, highByte);
    start = end;
  }
}

/** One reservation; all instances are of one launch. */
export function presentReservation(
  instances: readonly Instance[],
  region: Region,
  highByte: number,
): XmlFields {
  return {
    reservationId: instances[0]!.launch.reservationId,
    ownerId: region.account,
    groupSet: [],
    instancesSet: instances.map((instance) => presentInstance(instance, region, highByte)),
  };
}
