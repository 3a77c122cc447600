import { keepPreviousData, useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { OPERATION_KINDS, OPERATION_STATES } from "@berth/client";
import { operationsQuery } from "../api/queries.js";
import { Facet } from "../parts/facet.js";
import { Read } from "../parts/read.js";
import { changeQuery, useRoute } from "../route.js";
import { OperationTable } from "./operation-table.js";

/** What has gone well is what one looks for last. */
const STATES = OPERATION_STATES.toSorted((a, b) => Number(a === "succeeded") - Number(b === "succeeded"));
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
          <Facet
            key={one}
            status={one}
            chosen={states.includes(one)}
            onClick={() => toggle("state", states, one)}
          />
        ))}
        <span className="between" />
        {OPERATION_KINDS.map((one) => (
          <Facet
            key={one}
            text={one}
            chosen={kinds.includes(one)}
            onClick={() => toggle("kind", kinds, one)}
          />
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
