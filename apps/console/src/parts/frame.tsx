import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { isRefusal, wordsOf } from "../api/berth.js";
import { useLive } from "../api/live.js";
import { nowQuery } from "../api/queries.js";

/** The navigation around each view, with how many troubles there are, and a word when Berth can't be read. */
export function Frame({
  at,
  names,
  children,
}: {
  at: string;
  names: readonly (readonly [string, string])[];
  children: ReactNode;
}): ReactNode {
  const { data, failureReason } = useQuery(nowQuery);
  const live = useLive();
  const troubles = data?.troubles.length ?? 0;
  return (
    <>
      <a className="skip" href="#main" onClick={skip}>
        Skip to what this page shows
      </a>
      <header className="frame">
        <a className="brand" href="#/">
          <img src="/favicon.svg" alt="" width="20" height="20" /> Berth
          {data !== undefined && <span className="quiet"> {data.deployment_id}</span>}
        </a>
        <nav aria-label="Views">
          {names.map(([name, title]) => (
            <a
              key={name}
              href={name === "now" ? "#/" : `#/${name}`}
              aria-current={name === at ? "page" : undefined}
            >
              {title}
              {name === "now" && troubles > 0 && <span className="badge">{troubles}</span>}
            </a>
          ))}
        </nav>
        <nav className="elsewhere" aria-label="Other pages">
          <a href="/admin/queues">Queues</a>
          <a href="/docs">API</a>
          <a href="/login">Log out</a>
        </nav>
      </header>
      <main id="main" tabIndex={-1}>
        {/* What this key may not read is said where it is shown: trying again helps nobody. */}
        {failureReason !== null && !isRefusal(failureReason) ? (
          <p className="strip bad" role="status">
            {wordsOf(failureReason).replace(/\.?$/, ".")} This page tries again by itself
            {data === undefined ? "." : "; what you see is from before."}
          </p>
        ) : (
          !live && (
            <p className="strip warn" role="status">
              What changes isn&apos;t heard of just now, so lists may be from before. This page tries again by
              itself.
            </p>
          )
        )}
        {children}
      </main>
    </>
  );
}

/** The address says where one is, so the link may not change it. */
function skip(event: { preventDefault(): void }): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}
