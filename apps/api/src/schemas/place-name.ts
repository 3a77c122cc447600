import { PLACE_NAME } from "@berth/core/domain/place";
import Type from "typebox";
import { expecting } from "./expected.js";

/** Of a place that may or may not be there. */
export const PlaceName = expecting(
  `a place's name: ${PLACE_NAME.expected}`,
  Type.String({ pattern: PLACE_NAME.pattern }),
);
