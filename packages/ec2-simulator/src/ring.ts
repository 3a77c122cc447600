/** The last `size` things. */
export class Ring<Thing> {
  readonly #size: number;
  #things: Thing[] = [];
  #next = 0;

  constructor(size: number) {
    this.#size = Math.max(1, size);
  }

  push(thing: Thing): void {
    this.#things[this.#next] = thing;
    this.#next = (this.#next + 1) % this.#size;
  }

  /** Oldest first. */
  list(): Thing[] {
    if (this.#things.length < this.#size) return [...this.#things];
    return [...this.#things.slice(this.#next), ...this.#things.slice(0, this.#next)];
  }

  clear(): void {
    this.#things = [];
    this.#next = 0;
  }
}
