import type { FastifyRequest } from "fastify";
import { strictObject } from "../schemas/common.js";

/** Nothing is to be said: `{}`, or, with {@link withoutBody}, no body at all. */
export const NoBody = strictObject({}, { examples: [{}] });

/** The body may be left out. */
export async function withoutBody(request: FastifyRequest): Promise<void> {
  (request as { body: unknown }).body ??= {};
}
