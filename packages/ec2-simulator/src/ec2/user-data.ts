/**
 * User-data differs from launch to launch in a name and a token and is otherwise the same script. Kept is
 * what lies between the first and the last difference to a script that was seen before: a hundred thousand
 * instances would otherwise hold a hundred thousand copies of it.
 */
export interface UserData {
  readonly base: string;
  /** Characters taken from the beginning and from the end of `base`, with `middle` between them. */
  readonly head: number;
  readonly middle: string;
  readonly tail: number;
}

/** Finds what a text shares with the ones before it. */
export class UserDataStore {
  #base = "";

  /** Starts with a new base whenever less than half of the text is shared with the present one. */
  keep(text: string): UserData {
    const base = this.#base;
    const most = Math.min(base.length, text.length);
    let head = 0;
    while (head < most && base[head] === text[head]) head++;
    let tail = 0;
    while (tail < most - head && base.at(-1 - tail) === text.at(-1 - tail)) tail++;
    if (head + tail < text.length / 2) {
      this.#base = text;
      return { base: text, head: text.length, middle: "", tail: 0 };
    }
    // A copy: a slice would keep the whole text alive.
    const middle = Buffer.from(text.slice(head, text.length - tail)).toString();
    return { base, head, middle, tail };
  }
}

export function readUserDataText({ base, head, middle, tail }: UserData): string {
  return base.slice(0, head) + middle + base.slice(base.length - tail);
}
