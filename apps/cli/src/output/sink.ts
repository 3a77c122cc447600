/** Where text goes: a terminal, a file or a test. */
export interface Sink {
  write(text: string): unknown;
  isTTY?: boolean | undefined;
  /** Of a terminal: how wide it is, in characters. */
  columns?: number | undefined;
}
