import type { ReactNode } from "react";

/** What each word of a status or state means to who looks: how it is coloured, and how it is said. */
const WORDS: Readonly<Record<string, readonly [tone: string, word: string]>> = {
  provisioning: ["busy", "starting"],
  awaiting_agent: ["busy", "waits for its agent"],
  online: ["good", "online"],
  degraded: ["warn", "degraded"],
  offline: ["bad", "offline"],
  failed: ["bad", "failed"],
  paused: ["rest", "paused"],
  hibernated: ["rest", "hibernated"],
  removed: ["rest", "removed"],
  queued: ["rest", "waits"],
  running: ["busy", "running"],
  succeeded: ["good", "succeeded"],
  cancelled: ["rest", "cancelled"],
  intended: ["busy", "being made"],
  present: ["good", "there"],
  releasing: ["warn", "to go"],
  gone: ["rest", "gone"],
  lost: ["bad", "lost"],
};

export function wordFor(status: string): string {
  return WORDS[status]?.[1] ?? status.replaceAll("_", " ");
}

/** A reason without the code's underscores: "crash_loop: …" is said as "crash loop: …". */
export function plain(reason: string): string {
  return reason.replace(/\b[a-z]+(?:_[a-z]+)+(?=:)/g, (code) => code.replaceAll("_", " "));
}

export function toneOf(status: string): string {
  return WORDS[status]?.[0] ?? "rest";
}

export function Status({ is, tone }: { is: string; tone?: string }): ReactNode {
  return <span className={`status ${tone ?? toneOf(is)}`}>{wordFor(is)}</span>;
}
