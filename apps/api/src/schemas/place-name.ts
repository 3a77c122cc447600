import Type from "typebox";
import { expecting } from "./expected.js";

/** Of a place that may or may not be there. */
export const PlaceName = expecting(
  "a place's name: 1 to 63 of a-z, 0-9 and -, which begins and ends with one of the first two",
  Type.String({ pattern: "^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$" }),
);
