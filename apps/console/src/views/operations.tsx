import { keepPreviousData, useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { OPERATION_KINDS } from "@berth/client";
import { operationsQuery, type OperationState } from "../api/queries.js";
import { Read } from "../parts/read.js";
import { toneOf, wordFor } from "../parts/status.js";
import { changeQuery, useRoute } from "../route.js";
import { OperationTable } from "./operation-table.js";

const STATES: readonly OperationState[] = ["queued", "running", "failed", "cancelled", "succeeded"];
const STEP = 100;

/** The newest first, live. */
export function OperationsView(): ReactNode {
  const { query } = useRoute();
  const states = STATES.filter((one) => query.get("state")?.split(",").includes(one));
  const kinds = OPERATION_KINDS.filter((one) => query.get("kind")?.split(",").includes(one));
  const limit = Math.min(1_000, Number(query.get("show")) || STEP);
  const found = useQuery({ ...operationsQuery(states, kinds, limit), placeholderData: keepPreviousData });
  const toggle = <T extends string>(name: string, chosen: readonly T[], one: T): void => {
    const next = chosen.includes(one) ? chosen.filter((other) => other !== one) : [...chosen, one];
    changeQuery({ [name]: next.join(",") || null });
  };
  return (
    <>
      <h1>Operations</h1>
      <div className="facets" role="group" aria-label="Which">
        {STATES.map((one) => (
          <button
            key={one}
            type="button"
            className="facet"
            aria-pressed={states.includes(one)}
            onClick={() => toggle("state", states, one)}
          >
            <span className={`status ${toneOf(one)}`}>{wordFor(one)}</span>
          </button>
        ))}
        <span className="between" />
        {OPERATION_KINDS.map((one) => (
          <button
            key={one}
            type="button"
            className="facet"
            aria-pressed={kinds.includes(one)}
            onClick={() => toggle("kind", kinds, one)}
          >
            {one}
          </button>
        ))}
      </div>
      <Read from={found}>
        {(operations) =>
          operations.length === 0 ? (
            <p className="quiet">None of that kind.</p>
          ) : (
            <>
              <OperationTable operations={operations} ofWorkspaces />
              {operations.length === limit && limit < 1_000 && (
                <button type="button" onClick={() => changeQuery({ show: String(limit + STEP) })}>
                  Show more
                </button>
              )}
            </>
          )
        }
      </Read>
    </>
  );
}
