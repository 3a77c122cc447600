import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { berth } from "../api/berth.js";
import { exact, spanOf } from "../parts/time.js";

const SHOWN = 60;
const HEIGHT = 22;
const STEP = 5;
/** Runs tell nobody that they end, and the figures of many sweeps are asked for: not as often as what is wrong. In ms. */
const LOOK_EVERY_MS = 30_000;

/** Its last runs as bars, the newest right: as high as they took long, red where they failed. */
export function Runs({ of: name }: { of: string }): ReactNode {
  const { data } = useQuery({
    queryKey: ["runs", name],
    queryFn: async () =>
      (await berth.GET("/sweeps/{name}/runs", { params: { path: { name }, query: { limit: SHOWN } } })).data,
    refetchInterval: LOOK_EVERY_MS,
    staleTime: LOOK_EVERY_MS,
  });
  if (data === undefined || data.length < 2) return null;
  const runs = data.toReversed().map((run) => ({
    ...run,
    ms: run.finished_at === null ? 0 : Date.parse(run.finished_at) - Date.parse(run.started_at),
    acted: run.counts["done"] ?? run.counts["acted"] ?? 0,
  }));
  const longest = Math.max(...runs.map(({ ms }) => ms), 1);
  const failed = runs.filter(({ error }) => error !== null).length;
  const says = `Its last ${runs.length} runs: up to ${spanOf(longest)} long, ${failed} failed`;
  return (
    <svg className="spark" role="img" aria-label={says} width={runs.length * STEP} height={HEIGHT}>
      {runs.map(({ started_at, place, ms, error, acted }, at) => {
        const high = Math.max(2, (ms / longest) * HEIGHT);
        const tone = error === null ? (acted > 0 ? "busy" : "rest") : "bad";
        return (
          <rect
            key={`${started_at} ${place}`}
            className={tone}
            x={at * STEP}
            y={HEIGHT - high}
            width={STEP - 1}
            height={high}
          >
            <title>{`${exact(started_at)}${place === null ? "" : `, ${place}`}: ${spanOf(ms)}${acted > 0 ? `, acted on ${acted}` : ""}${error === null ? "" : `, ${error}`}`}</title>
          </rect>
        );
      })}
    </svg>
  );
}
