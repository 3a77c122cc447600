import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { Leak } from "@berth/client";
import { berth } from "../api/berth.js";
import { leaksQuery } from "../api/queries.js";
import { Act } from "../parts/act.js";
import { count, Id, Read, Table } from "../parts/read.js";
import { Ago } from "../parts/time.js";
import { changeQuery, linkTo, useRoute } from "../route.js";

/** What is to go and isn't proven gone, the oldest first, with what it costs. */
export function LeaksView(): ReactNode {
  const find = useRoute().query.get("find") ?? "";
  return (
    <>
      <h1>Leaks</h1>
      <p className="quiet">
        What is to go and isn&apos;t proven gone, and what runs at a provider and nobody claims.
      </p>
      <Read from={useQuery(leaksQuery)}>
        {(all) => {
          const leaks = all.filter((leak) => JSON.stringify(leak).toLowerCase().includes(find.toLowerCase()));
          return (
            <>
              <form className="filters" role="search" onSubmit={(event) => event.preventDefault()}>
                <input
                  type="search"
                  aria-label="Search"
                  placeholder="Search"
                  value={find}
                  onChange={(event) => changeQuery({ find: event.target.value })}
                />
              </form>
              <Sum leaks={leaks} cut={all.length === 1_000} />
              {leaks.length > 0 && (
                <Table
                  of="Leaks"
                  columns={["Thing", "Where", "Why", "To go since", "Tries", "Next try", "An hour", ""]}
                >
                  {leaks.map((leak) => (
                    <Row key={leak.id} leak={leak} />
                  ))}
                </Table>
              )}
            </>
          );
        }}
      </Read>
    </>
  );
}

function Sum({ leaks, cut }: { leaks: readonly Leak[]; cut: boolean }): ReactNode {
  if (leaks.length === 0) return <p className="strip good">None: all that was to go is proven gone.</p>;
  const cost = leaks.reduce((sum, { cost_per_hour }) => sum + (cost_per_hour ?? 0), 0);
  const usual = leaks.filter(({ under_way }) => under_way).length;
  return (
    <p>
      {cut ? "The oldest " : ""}
      {count(leaks.length, "thing")}
      {cost > 0 && <>, about ${cost.toFixed(2)} an hour</>}
      {usual > 0 && <>; {usual} of them are being removed by an operation just now</>}.
    </p>
  );
}

function Row({ leak }: { leak: Leak }): ReactNode {
  const path = { params: { path: { id: leak.id } } };
  return (
    <tr>
      <td data-of="Thing">
        {leak.kind.replace("_", " ")} <Id id={leak.provider_id ?? leak.name} />
      </td>
      <td data-of="Where">{leak.backend}</td>
      <td data-of="Why" className="reason">
        {leak.why}
        {leak.workspace_id !== null && (
          <>
            {" "}
            (<a href={linkTo(`workspaces/${leak.workspace_id}`)}>workspace</a>)
          </>
        )}
        {leak.last_error !== null && <span className="bad"> {leak.last_error.message}</span>}
      </td>
      <td data-of="To go since">
        <Ago at={leak.since} />
      </td>
      <td data-of="Tries">{leak.attempts}</td>
      <td data-of="Next try">
        <Ago at={leak.next_attempt_at} none="at the next sweep" />
      </td>
      <td data-of="An hour">{leak.cost_per_hour === null ? "–" : `$${leak.cost_per_hour.toFixed(3)}`}</td>
      <td className="acts">
        <Act
          label="Retry"
          question="Try to remove it again now?"
          run={() => berth.POST("/leaks/{id}/retry", path)}
        />
        <Act
          label="Release"
          danger
          question="Is it handled?"
          field="How it was handled"
          run={(reason) => berth.POST("/leaks/{id}/release", { ...path, body: { reason } })}
        >
          <p>
            Berth then takes no more care of it. If it is still there, it is found again as something nobody
            claims.
          </p>
        </Act>
      </td>
    </tr>
  );
}
