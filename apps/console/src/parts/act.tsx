import { useMutation } from "@tanstack/react-query";
import { useEffect, useRef, useState, type ReactNode } from "react";
import { wordsOf } from "../api/berth.js";
import { queryClient } from "../api/queries.js";

export interface ActProps {
  label: string;
  /** What is asked before it is done. */
  question: string;
  /** What it does, and what of that can't be taken back. */
  children?: ReactNode;
  /** @param text of the field, if there is one */
  run: (text: string) => Promise<unknown>;
  danger?: boolean;
  /** Of a field that must be filled in. */
  field?: string;
  value?: string;
  disabled?: boolean;
}

/** A button that asks before it does something, and says what became of it. */
export function Act({
  label,
  question,
  children,
  run,
  danger = false,
  field,
  value = "",
  disabled = false,
}: ActProps): ReactNode {
  const [open, setOpen] = useState(false);
  const tone = danger ? "danger" : "";
  return (
    <>
      <button type="button" className={tone} disabled={disabled} onClick={() => setOpen(true)}>
        {label}
      </button>
      {open && (
        <Question
          {...{ label, question, run, danger, value }}
          {...(field === undefined ? {} : { field })}
          close={() => setOpen(false)}
        >
          {children}
        </Question>
      )}
    </>
  );
}

function Question({
  label,
  question,
  children,
  run,
  danger,
  field,
  value = "",
  close,
}: ActProps & { close: () => void }): ReactNode {
  const [text, setText] = useState(value);
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (!dialog.current!.open) dialog.current!.showModal();
  }, []);
  // Closed, it gives the focus back to the button; just taken out of the page it wouldn't.
  const leave = (): void => dialog.current?.close();
  const act = useMutation({
    mutationFn: () => run(text.trim()),
    onSuccess: () => {
      leave();
      return queryClient.invalidateQueries();
    },
  });
  return (
    <dialog
      ref={dialog}
      onClose={close}
      // What becomes of it is told here.
      onCancel={(event) => act.isPending && event.preventDefault()}
      aria-labelledby="question"
    >
      <form
        method="dialog"
        onSubmit={(event) => {
          event.preventDefault();
          act.mutate();
        }}
      >
        <h2 id="question">{question}</h2>
        {children}
        {field !== undefined && (
          <label>
            {field}
            <input value={text} onChange={(event) => setText(event.target.value)} required maxLength={1024} />
          </label>
        )}
        {act.error !== null && (
          <p className="bad" role="alert">
            {wordsOf(act.error)}
          </p>
        )}
        <div className="buttons">
          <button type="button" disabled={act.isPending} onClick={leave}>
            Not now
          </button>
          <button className={danger ? "danger main" : "main"} disabled={act.isPending}>
            {act.isPending ? "Asking…" : label}
          </button>
        </div>
      </form>
    </dialog>
  );
}
