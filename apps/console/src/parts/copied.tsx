import { useState, type ReactNode } from "react";

/** What one pastes elsewhere, with a button that copies it where the browser lets a page do that. */
export function Copied({ text }: { text: string }): ReactNode {
  const [copied, setCopied] = useState(false);
  return (
    <span className="copied">
      <code>{text}</code>
      {isSecureContext && (
        <button
          type="button"
          onClick={() => void navigator.clipboard.writeText(text).then(() => setCopied(true))}
        >
          {copied ? "Copied" : "Copy"}
        </button>
      )}
    </span>
  );
}
