import { useMutation } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { wordsOf } from "../api/berth.js";
import { queryClient } from "../api/queries.js";

/** A form that makes one more of something, and shows what is told of it only once. */
export function Make<T>({
  label,
  among,
  run,
  tell,
  children,
}: {
  label: string;
  /** The query that lists them. */
  among: string;
  run: () => Promise<T>;
  tell: (made: T) => ReactNode;
  /** Its fields. */
  children: ReactNode;
}): ReactNode {
  const make = useMutation({
    mutationFn: run,
    onSuccess: () => queryClient.invalidateQueries({ queryKey: [among] }),
  });
  return (
    <>
      <form
        className="filters"
        onSubmit={(event) => {
          event.preventDefault();
          make.mutate();
        }}
      >
        {children}
        <button className="main" disabled={make.isPending}>
          {label}
        </button>
      </form>
      {make.error !== null && (
        <p className="bad" role="alert">
          {wordsOf(make.error)}
        </p>
      )}
      {make.data !== undefined && (
        <p className="strip good" role="status">
          {tell(make.data)}
        </p>
      )}
    </>
  );
}
