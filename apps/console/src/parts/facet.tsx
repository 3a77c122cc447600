import type { ReactNode } from "react";
import { toneOf, wordFor } from "./status.js";

/** A choice among what is shown, pressed or not; of a status in its colour. */
export function Facet({
  chosen,
  text,
  status,
  n,
  onClick,
}: {
  chosen: boolean;
  text?: string;
  status?: string;
  n?: number;
  onClick: () => void;
}): ReactNode {
  return (
    <button type="button" className="facet" aria-pressed={chosen} onClick={onClick}>
      {status === undefined ? text : <span className={`status ${toneOf(status)}`}>{wordFor(status)}</span>}
      {n !== undefined && <span className="quiet"> {n.toLocaleString()}</span>}
    </button>
  );
}
