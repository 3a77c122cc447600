import type { Action } from "./actions.js";
import { steps, waiting, type Scope, type Step } from "./protocol.js";
import { initial, keyOf, unfinished, type State } from "./state.js";

/** A way from the beginning to something that must not be. */
export interface Flaw {
  sentence: string;
  trace: { action: Action; state: State }[];
  /** Where it goes round for ever without an end: the last states of the trace, again and again. */
  goesRound: number;
}

export interface Explored {
  states: number;
  steps: number;
  /** The longest of the shortest ways. */
  depth: number;
  flaw: Flaw | null;
}

/**
 * All states that can be reached, breadth first, so that the first flaw has the shortest trace. Then, for I6 and
 * I7, over what a fair scheduler can't leave undone: from each state an end of all that was accepted can be reached,
 * and there is no way to go round for ever without it.
 */
export function explore(scope: Scope): Explored {
  const found = new Search(scope);
  const broken = found.search();
  const flaw = broken ?? found.stuck() ?? found.goesRound();
  return { states: found.size, steps: found.steps, depth: found.depth, flaw };
}

const DONE = 1;

class Search {
  steps = 0;
  depth = 0;
  private readonly scope: Scope;
  private readonly ids = new Map<string, number>();
  private readonly parents = new Ints();
  /** Steps that must happen sometime, as from, to and party. */
  private readonly from = new Ints();
  private readonly to = new Ints();
  private readonly party = new Ints();
  /** Parties that wait in a state without being able to act in it. */
  private readonly waitsAt = new Ints();
  private readonly waits = new Ints();
  private readonly parties = new Map<string, number>();
  private readonly marks = new Ints();

  constructor(scope: Scope) {
    this.scope = scope;
  }

  get size(): number {
    return this.ids.size;
  }

  search(): Flaw | null {
    const first = initial(this.scope.workers, this.scope.faultsAtMost);
    this.visit(first, -1);
    let frontier: [number, State][] = [[0, first]];
    for (; frontier.length > 0; this.depth++) {
      const reached: [number, State][] = [];
      for (const [id, state] of frontier)
        for (const step of steps(state, this.scope)) {
          this.steps++;
          const known = this.size;
          const next = this.visit(step.next, id);
          if (step.next.broken !== null)
            return {
              sentence: step.next.broken,
              trace: [...this.traceTo(id), this.told(step)],
              goesRound: 0,
            };
          if (next === known) reached.push([next, step.next]);
          if (step.fair !== null && next !== id) this.note(id, next, step.fair);
        }
      frontier = reached;
    }
    return null;
  }

  /** A state from which no end can be reached any more. */
  stuck(): Flaw | null {
    const { offsets, targets } = adjacency(this.size, this.to, this.from);
    const ends = new Uint8Array(this.size);
    const stack: number[] = [];
    for (let id = 0; id < this.size; id++)
      if (this.marks.at(id) === DONE) {
        ends[id] = 1;
        stack.push(id);
      }
    for (let id = stack.pop(); id !== undefined; id = stack.pop())
      for (let edge = offsets[id]!; edge < offsets[id + 1]!; edge++) {
        const before = targets[edge]!;
        if (ends[before] === 1) continue;
        ends[before] = 1;
        stack.push(before);
      }
    const lost = ends.indexOf(0);
    if (lost === -1) return null;
    return {
      sentence: "I6, I7: from here an accepted operation never ends, whatever happens",
      trace: this.traceTo(lost),
      goesRound: 0,
    };
  }

  /**
   * A strongly connected set of states without an end in which nobody is passed over: whoever could act in each of
   * them does so in one. Of a set that isn't fair no part is, so the largest sets are enough.
   */
  goesRound(): Flaw | null {
    const { offsets, edges } = adjacency(this.size, this.from, this.to);
    const waits = adjacency(this.size, this.waitsAt, this.waits);
    for (const members of components(this.size, offsets, edges, this.to)) {
      if (members.length < 2 || members.some((id) => this.marks.at(id) === DONE)) continue;
      const inside = new Set(members);
      const acts = new Set<number>();
      let always: Set<number> | undefined;
      for (const id of members) {
        const able = new Set<number>(waits.targets.subarray(waits.offsets[id], waits.offsets[id + 1]));
        for (let at = offsets[id]!; at < offsets[id + 1]!; at++) {
          const edge = edges[at]!;
          able.add(this.party.at(edge));
          if (inside.has(this.to.at(edge))) acts.add(this.party.at(edge));
        }
        always = new Set([...(always ?? able)].filter((party) => able.has(party)));
      }
      if ([...always!].some((party) => !acts.has(party))) continue;
      return {
        sentence: "I7: this can go round for ever without an end, and nobody is passed over",
        trace: this.traceTo(Math.min(...members)),
        goesRound: members.length,
      };
    }
    return null;
  }

  private visit(state: State, parent: number): number {
    const key = keyOf(state);
    const known = this.ids.get(key);
    if (known !== undefined) return known;
    const id = this.size;
    for (const party of waiting(state)) {
      this.waitsAt.push(id);
      this.waits.push(this.codeOf(party));
    }
    this.ids.set(key, id);
    this.parents.push(parent);
    this.marks.push(unfinished(state).length === 0 ? DONE : 0);
    return id;
  }

  private note(from: number, to: number, party: string): void {
    this.from.push(from);
    this.to.push(to);
    this.party.push(this.codeOf(party));
  }

  private codeOf(party: string): number {
    let code = this.parties.get(party);
    if (code === undefined) this.parties.set(party, (code = this.parties.size));
    return code;
  }

  /** Only the ways are kept, not the states: they are gone through once more. */
  private traceTo(id: number): Flaw["trace"] {
    const way: number[] = [];
    for (let at = id; at !== 0; at = this.parents.at(at)) way.push(at);
    const trace: Flaw["trace"] = [];
    let state = initial(this.scope.workers, this.scope.faultsAtMost);
    for (const want of way.toReversed()) {
      const step = steps(state, this.scope).find(({ next }) => this.ids.get(keyOf(next)) === want)!;
      trace.push(this.told(step));
      state = step.next;
    }
    return trace;
  }

  private told({ action, next }: Step): Flaw["trace"][number] {
    return { action, state: next };
  }
}

/** A list of numbers that grows without a box for each of them. */
class Ints {
  length = 0;
  private values = new Int32Array(1024);

  push(value: number): void {
    if (this.length === this.values.length) {
      const grown = new Int32Array(this.values.length * 2);
      grown.set(this.values);
      this.values = grown;
    }
    this.values[this.length++] = value;
  }
  at(index: number): number {
    return this.values[index]!;
  }
}

/** The edges that leave each node, and where they lead. */
function adjacency(nodes: number, from: Ints, to: Ints) {
  const offsets = new Int32Array(nodes + 1);
  for (let edge = 0; edge < from.length; edge++) offsets[from.at(edge) + 1]!++;
  for (let node = 0; node < nodes; node++) offsets[node + 1]! += offsets[node]!;
  const places = offsets.slice();
  const edges = new Int32Array(from.length);
  for (let edge = 0; edge < from.length; edge++) edges[places[from.at(edge)]!++] = edge;
  const targets = edges.map((edge) => to.at(edge));
  return { offsets, edges, targets };
}

/** Tarjan's strongly connected components, without recursion. */
function* components(nodes: number, offsets: Int32Array, edges: Int32Array, to: Ints): Generator<number[]> {
  const index = new Int32Array(nodes).fill(-1);
  const low = new Int32Array(nodes);
  const open = new Uint8Array(nodes);
  const next = offsets.slice(0, nodes);
  const stack: number[] = [];
  let count = 0;
  for (let root = 0; root < nodes; root++) {
    if (index[root] !== -1) continue;
    const path = [root];
    while (path.length > 0) {
      const node = path.at(-1)!;
      if (index[node] === -1) {
        index[node] = low[node] = count++;
        stack.push(node);
        open[node] = 1;
      }
      if (next[node]! < offsets[node + 1]!) {
        const target = to.at(edges[next[node]!++]!);
        if (index[target] === -1) path.push(target);
        else if (open[target] === 1) low[node] = Math.min(low[node]!, index[target]!);
        continue;
      }
      path.pop();
      const parent = path.at(-1);
      if (parent !== undefined) low[parent] = Math.min(low[parent]!, low[node]!);
      if (low[node] !== index[node]) continue;
      const members = stack.splice(stack.lastIndexOf(node));
      for (const member of members) open[member] = 0;
      yield members;
    }
  }
}
