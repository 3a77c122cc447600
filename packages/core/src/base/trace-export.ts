import type { Config } from "../config/config.js";

/**
 * Sends what this process does as traces over OTLP, if an address for them is set; the libraries for it are loaded only then.
 * @param name of the process, as `service.name`
 * @returns sends what is left, and ends it
 */
export async function exportTraces(
  { otlpEndpoint, otlpServiceName }: Pick<Config, "otlpEndpoint" | "otlpServiceName">,
  name: string,
): Promise<() => Promise<void>> {
  if (otlpEndpoint === null) return async () => undefined;
  const [{ BatchSpanProcessor, NodeTracerProvider }, { OTLPTraceExporter }, { resourceFromAttributes }] =
    await Promise.all([
      import("@opentelemetry/sdk-trace-node"),
      import("@opentelemetry/exporter-trace-otlp-http"),
      import("@opentelemetry/resources"),
    ]);
  // Headers and the like are read from the environment by the exporter itself: OTEL_EXPORTER_OTLP_HEADERS, …
  const exporter = new OTLPTraceExporter({ url: `${otlpEndpoint}/v1/traces` });
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({ "service.name": otlpServiceName ?? name }),
    spanProcessors: [new BatchSpanProcessor(exporter)],
  });
  provider.register();
  // A collector that doesn't answer keeps nobody from ending.
  return () => provider.shutdown().catch(() => undefined);
}
