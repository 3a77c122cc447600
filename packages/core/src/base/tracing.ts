import {
  type Attributes,
  context,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";

/** As who Berth's own spans are recorded. Nothing is unless {@link exportTraces} has begun. */
const TRACER = "berth";

/** Does work as a part of what is traced now, with the error that it ends with. */
export async function traced<T>(name: string, attributes: Attributes, work: () => Promise<T>): Promise<T> {
  return trace.getTracer(TRACER).startActiveSpan(name, { attributes }, async (span) => {
    try {
      return await work();
    } catch (error) {
      fail(span, error);
      throw error;
    } finally {
      span.end();
    }
  });
}

/** A request that has come in, as a part of its caller's trace if it names one. */
export interface TracedRequest {
  /** What `work` begins is part of it. */
  within(work: () => void): void;
  /** @param status that of HTTP */
  end(status: number): void;
}

/** @param headers `traceparent` of W3C's Trace Context names the caller's span */
export function traceRequest(name: string, headers: object, attributes: Attributes): TracedRequest {
  const outside = propagation.extract(context.active(), headers);
  const span = trace.getTracer(TRACER).startSpan(name, { kind: SpanKind.SERVER, attributes }, outside);
  const inside = trace.setSpan(outside, span);
  return {
    within: (work) => context.with(inside, work),
    end(status) {
      span.setAttribute("http.response.status_code", status);
      if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    },
  };
}

/** The ids of what is traced now, as lines of the log and problems have them; nothing if nothing is. */
export function traceIds(): { trace_id?: string; span_id?: string } {
  const span = trace.getActiveSpan()?.spanContext();
  return span === undefined ? {} : { trace_id: span.traceId, span_id: span.spanId };
}

function fail(span: Span, error: unknown): void {
  const thrown = error instanceof Error ? error : new Error(String(error));
  span.recordException(thrown);
  span.setStatus({ code: SpanStatusCode.ERROR, message: thrown.message });
}
