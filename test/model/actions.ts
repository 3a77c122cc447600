import type { Request } from "./statements.js";

/** One atomic step of one of those who take part: a commit, a command to the queue, or a moment of time. */
export type Action =
  | { do: "request"; kind: Request }
  | { do: "cancel"; ticket: number }
  /** By a producer, a worker or a sweep, each of its commands to the queue alone. */
  | { do: "tell" | "lose message"; ticket: number; bit: number }
  | { do: "sweep"; ticket: number }
  /** Of the worker with this index. */
  | { do: WorkerAction; worker: number; ticket: number }
  | { do: "backoff ends" | "delay ends" | "park ends" | "job stalls"; ticket: number }
  | { do: "lease ends" }
  | { do: "queue is emptied" }
  | { do: "queue goes back"; ticket: number; to: "none" | "ready" | "parked" | "done" };

export type WorkerAction =
  | "take"
  | "claim"
  | "claim unanswered"
  | "note step"
  | "ask provider"
  | "succeed"
  | "succeed unanswered"
  | "fail"
  | "fail for good"
  | "fail unanswered"
  | "wait"
  | "stop for cancellation"
  | "hand back"
  | "notice loss"
  | "renew"
  | "renew late"
  | "clock runs out"
  | "look"
  | "delay job"
  | "park job"
  | "look again"
  | "complete job"
  | "retry job"
  | "processor throws"
  | "lose lock"
  | "crash"
  | "hold idle"
  | "act"
  | "restart by itself"
  | "let go";
