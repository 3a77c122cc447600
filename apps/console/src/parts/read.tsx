import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { isRefusal, wordsOf } from "../api/berth.js";
import { nowQuery, queryClient } from "../api/queries.js";
import { Ago } from "./time.js";

/** What was read, and whether that is from before; or that it isn't read yet, or why it can't be. */
export function Read<T>({
  from,
  children,
}: {
  from: UseQueryResult<T>;
  children: (data: T) => ReactNode;
}): ReactNode {
  // What was read before is no longer so, or no longer this key's to see.
  const refused = isRefusal(from.error);
  // Where nothing can be read the frame says so.
  const said = queryClient.getQueryState(nowQuery.queryKey)?.fetchFailureReason != null;
  if (from.data !== undefined && !refused)
    return (
      <>
        {from.failureReason !== null && !isRefusal(from.failureReason) && !said && (
          <p className="strip bad" role="status">
            {wordsOf(from.failureReason).replace(/\.?$/, ".")} What you see is from{" "}
            <Ago at={new Date(from.dataUpdatedAt).toISOString()} />; it is asked for again.
          </p>
        )}
        {children(from.data)}
      </>
    );
  if (from.error !== null)
    return (
      <p className="bad" role="alert">
        {wordsOf(from.error)}
      </p>
    );
  if (from.failureReason !== null)
    return <p className="quiet">{wordsOf(from.failureReason)} Trying again…</p>;
  return <p className="quiet">Reading…</p>;
}

/** A table that a phone shows as cards: each cell tells its column. */
export function Table({
  of,
  columns,
  children,
}: {
  of: string;
  columns: readonly string[];
  children: ReactNode;
}): ReactNode {
  return (
    <table className="list">
      <caption className="hidden">{of}</caption>
      <thead>
        <tr>
          {columns.map((column) => (
            <th key={column} scope="col">
              {column}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  );
}

/** A UUID by its beginning; an instance's id of EC2 has 19 characters, and is shown whole. */
export function Id({ id }: { id: string }): ReactNode {
  return <code title={id}>{id.length > 20 ? `${id.slice(0, 8)}…` : id}</code>;
}

/** A figure with its word, in one or in many. */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString()} ${n === 1 ? one : many}`;
}
