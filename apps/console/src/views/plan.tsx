import { useState, type ReactNode } from "react";
import { linkTo } from "../route.js";

const SHOWN = 10;
const WORKSPACE = /([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/;

/** What would be done, and why, with a way to each workspace that it names. */
export function Plan({
  actions,
}: {
  actions: readonly { key: string; what: string; why: string }[];
}): ReactNode {
  const [all, setAll] = useState(false);
  if (actions.length === 0) return null;
  return (
    <>
      <ol className="plan">
        {(all ? actions : actions.slice(0, SHOWN)).map(({ key, what, why }) => (
          <li key={key}>
            {what.split(WORKSPACE).map((part, at) =>
              at % 2 === 0 ? (
                part
              ) : (
                <a key={part} href={linkTo(`workspaces/${part}`)} title={part}>
                  {part.slice(0, 8)}…
                </a>
              ),
            )}
            <span className="quiet"> since {why}</span>
          </li>
        ))}
      </ol>
      {actions.length > SHOWN && (
        <button type="button" onClick={() => setAll(!all)}>
          {all ? "Fewer" : `All ${actions.length}`}
        </button>
      )}
    </>
  );
}
