import type { HttpRequest, Reply } from "../http/message.js";
import type { Simulator } from "../simulator.js";
import { ControlError } from "./control-error.js";
import { ROUTES } from "./routes.js";

/** Answers a request below `/_sim`. Faults and limits don't apply to it. */
export function answerControl(sim: Simulator, request: HttpRequest): Reply {
  const onPath = ROUTES.filter(({ path }) => path.test(request.url.pathname));
  const route = onPath.find(({ method }) => method === request.method);
  try {
    if (!route)
      throw onPath.length > 0
        ? new ControlError(405, `use ${onPath.map(({ method }) => method).join(" or ")} here`)
        : new ControlError(404, `there is no ${request.url.pathname} in the control API`);
    const { status = 200, body } = route.run(sim, request, route.path.exec(request.url.pathname)?.[1] ?? "");
    return json(status, body);
  } catch (error) {
    if (error instanceof ControlError) return json(error.status, { error: error.message });
    // Everything that checks what it is given (faults, delays) says what is wrong with a TypeError.
    if (error instanceof TypeError) return json(400, { error: error.message });
    throw error;
  }
}

function json(status: number, body: unknown): Reply {
  return { status, headers: { "content-type": "application/json" }, body: [`${JSON.stringify(body)}\n`] };
}
