import type { Operation } from "@berth/core/db/operations";
import type { Workspace } from "@berth/core/db/workspaces";
import type { FastifyReply, FastifyRequest } from "fastify";
import { viewOperation } from "../schemas/operation.js";
import { viewWorkspace } from "../schemas/workspace.js";
import type { Services } from "../services.js";
import { awaitOperations } from "./await-operations.js";
import { etagOf } from "./etag.js";

/** A change of a workspace that was accepted; of a tree with the operations of all that it concerns. */
interface Accepted {
  workspace: Workspace;
  operation: Operation;
  operations?: readonly Operation[];
  cascaded?: number;
}

/**
 * The ending of every request for a change of a workspace: the workspace with what serves the request, as it was
 * accepted (202) or, if the caller waits for the end, as it then is (200).
 * @throws BerthError of the first operation that did not succeed, if it was waited for.
 */
export async function answerAccepted(
  services: Services,
  request: FastifyRequest,
  reply: FastifyReply,
  { workspace: before, operation, operations = [operation], cascaded }: Accepted,
) {
  const ended = await awaitOperations(services, request, reply, operations, before.id);
  const workspace = ended === null ? before : await services.ended.workspace(before.id);
  void reply.header("etag", etagOf(workspace.version));
  const shown = (ended ?? operations).map(viewOperation);
  return {
    ...viewWorkspace(workspace),
    operation: shown[0]!,
    ...(cascaded === undefined ? {} : { operations: shown, cascaded }),
  };
}
