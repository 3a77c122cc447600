import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { Place } from "@berth/client";
import { berth } from "../api/berth.js";
import { placesQuery } from "../api/queries.js";
import { Act } from "../parts/act.js";
import { count, Read } from "../parts/read.js";
import { Status } from "../parts/status.js";
import { Ago } from "../parts/time.js";
import { linkTo } from "../route.js";

/** Where workspaces are, who reaches it, and how full it is. */
export function PlacesView(): ReactNode {
  return (
    <>
      <h1>Places</h1>
      <p className="quiet">Each daemon, account and Region, or machine in which workspaces run.</p>
      <Read from={useQuery(placesQuery)}>
        {(places) =>
          places.length === 0 ? (
            <p className="quiet">None yet: a worker tells of those that it reaches.</p>
          ) : (
            <ul className="cards">
              {places.map((place) => (
                <PlaceCard key={place.name} place={place} />
              ))}
            </ul>
          )
        }
      </Read>
    </>
  );
}

function stateOf({
  lost,
  served,
  cordoned,
  draining,
  backend,
  workers,
  held,
  served_at,
}: Place): readonly [string, string] {
  if (lost !== null) return ["bad", "lost"];
  if (backend === "external") return ["rest", "elsewhere"];
  if (!served && held === 0 && served_at === null) return ["rest", "not in use"];
  if (!served) return ["bad", workers.length === 0 ? "no worker" : "not reached"];
  if (draining !== null) return ["warn", "is emptied"];
  return cordoned ? ["warn", "takes no more"] : ["good", "served"];
}

function PlaceCard({ place }: { place: Place }): ReactNode {
  const { name, capacity, held, running, waiting, obligations, lost, draining } = place;
  const { workers, identity } = place;
  const [tone, word] = stateOf(place);
  const full = capacity === null ? null : Math.min(1, held / Math.max(1, capacity));
  const troubles = [...new Set(workers.flatMap(({ problem }) => problem ?? []))];
  return (
    <li className="card">
      <h2>
        {name} <Status is={word} tone={tone} />
      </h2>
      <p className="quiet">
        {place.backend}
        {identity !== null && <> · {identity}</>} · {count(workers.length, "worker")}
        {!place.served && place.served_at !== null && (
          <>
            , last served <Ago at={place.served_at} />
          </>
        )}
        {place.weight !== 1 && <> · weight {place.weight}</>}
      </p>
      <p>
        <a href={linkTo("workspaces", { find: name })}>{running} run</a> · {held} hold something there
        {capacity !== null && <> of {capacity}</>} · {count(waiting, "operation")} unfinished ·{" "}
        {count(obligations, "thing")} to go
      </p>
      {full !== null && (
        <div className="meter" role="img" aria-label={`${Math.round(full * 100)} % full`}>
          <span
            className={full >= 1 ? "bad" : full > 0.85 ? "warn" : "good"}
            style={{ width: `${full * 100}%` }}
          />
        </div>
      )}
      {troubles.map((problem) => (
        <p key={problem} className="bad">
          {problem}
        </p>
      ))}
      {draining !== null && lost === null && (
        <p className="warn">
          {draining.by} wants it empty since <Ago at={draining.since} />: {count(held, "workspace")} still
          hold something there. Those that may not leave it stay.
        </p>
      )}
      {lost !== null && (
        <p className="bad">
          {lost.by} said <Ago at={lost.at} /> that it is gone for good: {lost.reason}
        </p>
      )}
      {lost === null && <PlaceActs place={place} />}
    </li>
  );
}

function PlaceActs({
  place: { name, cordoned, draining, capacity, backend, identity, workers },
}: {
  place: Place;
}): ReactNode {
  const path = { params: { path: { name } } };
  const change = (body: { cordoned?: boolean; capacity?: number | null }) =>
    berth.PATCH("/places/{name}", { ...path, body });
  const unconfirmed = workers.find(({ state }) => state === "unconfirmed");
  return (
    <div className="buttons">
      {unconfirmed !== undefined && (
        <Act
          label="It is the one"
          danger
          question={`Is what answers really ${name}?`}
          run={() =>
            berth.POST("/places/{name}/confirm", { ...path, body: { identity: unconfirmed.identity } })
          }
        >
          <p>{unconfirmed.problem}</p>
          <p>From then on its word counts: what Berth made there and it doesn&apos;t have is called gone.</p>
        </Act>
      )}
      {cordoned ? (
        <Act
          label="Take workspaces again"
          question={`Let ${name} take workspaces again?`}
          run={() => change({ cordoned: false })}
        />
      ) : (
        <Act
          label="Take no more"
          question={`Let ${name} take no more workspaces?`}
          run={() => change({ cordoned: true })}
        >
          <p>Those that are there stay and run on.</p>
        </Act>
      )}
      {draining === null && backend !== "external" && (
        <Act
          label="Empty it…"
          danger
          question={`Take elsewhere what may leave ${name}?`}
          run={() => berth.POST("/places/{name}/drain", path)}
        >
          <p>
            It takes no more workspaces. Those that have no data there, or that may move, are stopped and
            start elsewhere; one that may move does so with an empty volume. The rest stay and run on.
          </p>
        </Act>
      )}
      <Act
        label="Capacity"
        question={`How many workspaces may ${name} hold?`}
        field="A number, or “any”"
        value={capacity === null ? "any" : String(capacity)}
        run={async (text) => change({ capacity: capacityOf(text) })}
      />
      {backend !== "external" && (
        <Act
          label="Lost…"
          danger
          question={`Is ${name} gone for good?`}
          field="Why, for those who ask later"
          run={(reason) => berth.POST("/places/{name}/lost", { ...path, body: { reason } })}
        >
          <p className="bad">
            This can&apos;t be taken back. All that Berth made there
            {identity === null ? "" : ` (${identity})`} counts as lost; what ran there has failed, and starts
            elsewhere only without its volume.
          </p>
        </Act>
      )}
    </div>
  );
}

/** Null: as many as there are. @throws Error for what is neither, which mustn't count as that. */
function capacityOf(text: string): number | null {
  if (text === "any") return null;
  if (!/^\d+$/.test(text)) throw new Error(`“${text}” is neither a number nor “any”.`);
  return Number(text);
}
