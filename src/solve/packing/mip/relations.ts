/**
 * Pairs of buffers that need an order. Plain buffers that live together need one; buffers with gaps may
 * need a different one at each of the times when their live bytes differ.
 */
import type { PackingBuffer } from "../types.ts";

/** Bytes [from, to) of a buffer that are live over [lower, upper). */
export interface Span {
  readonly lower: number;
  readonly upper: number;
  readonly from: number;
  readonly to: number;
}

/** The buffer's life cut at its gaps; spans without bytes or time are left out. */
export function spansOf({ lower, upper, size, gaps = [] }: PackingBuffer): readonly Span[] {
  const spans: Span[] = [];
  const add = (span: Span): void => {
    if (span.upper > span.lower && span.to > span.from) spans.push(span);
  };
  let time = lower;
  for (const gap of [...gaps].sort((a, b) => a.lower - b.lower)) {
    add({ lower: time, upper: gap.lower, from: 0, to: size });
    const [from, to] = gap.window ?? [0, 0];
    add({ lower: gap.lower, upper: gap.upper, from, to });
    time = gap.upper;
  }
  add({ lower: time, upper, from: 0, to: size });
  return spans;
}

/** Either offset[j] >= offset[i] + up (i is below), or offset[i] >= offset[j] + down (j is below). */
export interface Relation {
  readonly i: number;
  readonly j: number;
  readonly up: number;
  readonly down: number;
}

/** All relations with i < j, in order of (i, j). Quadratic: for problems of some hundred buffers. */
export function relationsOf(spans: readonly (readonly Span[])[]): readonly Relation[] {
  const relations: Relation[] = [];
  for (let i = 0; i < spans.length; i++) {
    for (let j = i + 1; j < spans.length; j++) {
      const seen = new Set<string>();
      for (const a of spans[i]!) {
        for (const b of spans[j]!) {
          if (a.lower >= b.upper || b.lower >= a.upper) continue;
          const up = a.to - b.from;
          const down = b.to - a.from;
          const key = `${up} ${down}`;
          if (seen.has(key)) continue;
          seen.add(key);
          relations.push({ i, j, up, down });
        }
      }
    }
  }
  return relations;
}

export interface Clique {
  /** Buffers whole and alive at one time, ascending. */
  readonly members: readonly number[];
  readonly time: number;
}

/** Maximal sets of buffers that are wholly alive together, in order of time. */
export function cliquesOf(buffers: readonly PackingBuffer[], spans: readonly (readonly Span[])[]): readonly Clique[] {
  const whole = spans.flatMap((own, i) =>
    own.flatMap(({ lower, upper, from, to }) => (from === 0 && to === buffers[i]!.size ? [{ i, lower, upper }] : [])),
  );
  const cliques: Clique[] = [];
  // A maximal clique of intervals is what lives at the latest start among its members.
  for (const time of new Set(whole.map(({ lower }) => lower).sort((a, b) => a - b))) {
    const members = whole
      .filter(({ lower, upper }) => lower <= time && time < upper)
      .map(({ i }) => i)
      .sort((a, b) => a - b);
    cliques.push({ members, time });
  }
  const within = (a: readonly number[], b: ReadonlySet<number>): boolean => a.every((i) => b.has(i));
  const sets = cliques.map(({ members }) => new Set(members));
  return cliques.filter(
    ({ members }, a) => !sets.some((set, b) => a !== b && within(members, set) && (set.size > members.length || b < a)),
  );
}
