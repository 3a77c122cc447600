import { defined } from "@berth/core/base/defined";
import { isDatabaseUnavailable } from "@berth/core/db/pool";
import { traceIds } from "@berth/core/base/tracing";
import { BerthError, type ErrorCode, ERRORS } from "@berth/core/base/errors";
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { explain } from "../schemas/validation/explain.js";

export const PROBLEM_TYPE = "application/problem+json";

/** The `Retry-After` of problems that may pass by themselves, in seconds. */
const RETRY_AFTER_S: Partial<Record<ErrorCode, number>> = {
  database_unavailable: 2,
  overloaded: 1,
  // The sweep that goes on with it comes round once a minute.
  terminate_retry_exhausted: 60,
  stop_retry_exhausted: 60,
};
const DEFAULT_RETRY_AFTER_S = 5;

/** After so many seconds a browser asks for a page again. */
const PAGE_AGAIN_S = 3;

/** What Fastify itself refuses, in our codes; its other 4xx become `invalid_request`. */
const FASTIFY_CODES: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: "unsupported_media_type",
  FST_ERR_CTP_BODY_TOO_LARGE: "payload_too_large",
};

/**
 * The problem document (RFC 9457) of a code. Details never replace its own members, but for `retryable`, which a failure's own
 * cause may know better than its code.
 */
export function problemDocument(
  code: ErrorCode,
  detail: string,
  about: {
    instance?: string;
    requestId?: string;
    traceId?: string;
    details?: Readonly<Record<string, unknown>>;
  },
) {
  const { status, title, retryable: byCode } = ERRORS[code];
  // A problem's own `status` is that of HTTP.
  const { status: workspaceStatus, retryable = byCode, ...details } = about.details ?? {};
  return {
    ...details,
    ...defined({ workspace_status: workspaceStatus }),
    type: `urn:berth:problem:${code}`,
    title,
    status,
    detail,
    code,
    retryable: retryable === true,
    ...defined({ instance: about.instance, request_id: about.requestId, trace_id: about.traceId }),
  };
}

/** Answers a request with the problem that an error means. What we didn't foresee is told to the log only. */
export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const { code, message, details } = judge(error);
  const { status } = ERRORS[code];
  // Overload is told of once, not by each request that it refuses.
  if (status >= 500 && code !== "overloaded") request.log.error({ err: error, code }, "request failed");
  const instance = request.url.split("?", 1)[0]!;
  const document = problemDocument(code, message, {
    instance,
    requestId: request.id,
    details,
    ...defined({ traceId: traceIds().trace_id }),
  });
  if (document.retryable && !reply.hasHeader("retry-after"))
    void reply.header("retry-after", RETRY_AFTER_S[code] ?? DEFAULT_RETRY_AFTER_S);
  if (status === 503 && document.retryable && wantsPage(request)) {
    void reply
      .code(status)
      .type("text/html; charset=utf-8")
      .header("refresh", PAGE_AGAIN_S)
      .serializer(String)
      .send(pageOf(document.title));
    return;
  }
  void reply.code(status).type(PROBLEM_TYPE).serializer(JSON.stringify).send(document);
}

function wantsPage({ method, headers, routeOptions }: FastifyRequest): boolean {
  const { browser = false } = routeOptions.config;
  return browser && method === "GET" && (headers.accept ?? "").includes("text/html");
}

/** For a person, whose browser asks again by itself. */
function pageOf(title: string): string {
  return `<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>Berth</title>
<main><h1>Berth can't answer just now</h1><p>${title}. This page tries again by itself, every ${PAGE_AGAIN_S} s.</p></main></html>`;
}

function judge(error: unknown): {
  code: ErrorCode;
  message: string;
  details: Readonly<Record<string, unknown>>;
} {
  if (error instanceof BerthError && error.code !== "internal") return error;
  if (isDatabaseUnavailable(error))
    return { code: "database_unavailable", message: "nothing was changed; try again", details: {} };
  const {
    code = "",
    statusCode = 500,
    message,
    validation,
    validationContext,
  } = error as Partial<FastifyError>;
  if (validation !== undefined) return explain(validation, validationContext);
  if (code in FASTIFY_CODES) return { code: FASTIFY_CODES[code]!, message: message ?? "", details: {} };
  if (code === "FST_ERR_BAD_URL") {
    const errors = [{ field: "path", expected: "percent-escapes of UTF-8" }];
    return {
      code: "invalid_request",
      message: "path: expected percent-escapes of UTF-8",
      details: { errors },
    };
  }
  if (statusCode === 404) return { code: "not_found", message: "there is nothing at this path", details: {} };
  if (statusCode >= 400 && statusCode < 500)
    return { code: "invalid_request", message: message ?? "", details: {} };
  const details = error instanceof BerthError ? error.details : {};
  return { code: "internal", message: "the cause is in Berth's log, under this request_id", details };
}
