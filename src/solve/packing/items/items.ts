/**
 * The general form of a problem: rigid items of several boxes each. A buffer with gaps is one (each window
 * a box of its own), and so is a buffer with all those that lie inside it.
 */
import { gcd } from "../boxes.ts";
import type { PackingArena, PackingBuffer, PackingProblem } from "../types.ts";

/** Bytes [from, to) above the item's base that are taken over [lower, upper). */
export interface Part {
  readonly lower: number;
  readonly upper: number;
  readonly from: number;
  readonly to: number;
}

export interface Item {
  readonly parts: readonly Part[];
  /** Hull of the parts. */
  readonly lower: number;
  readonly upper: number;
  readonly top: number;
  /** Bytes times time. */
  readonly area: number;
  /** The base is `residue` modulo `modulus`. */
  readonly modulus: number;
  readonly residue: number;
  readonly pin: number | undefined;
  readonly hint: number | undefined;
  /** Arenas that may hold it, ascending. */
  readonly arenas: readonly number[];
}

export interface Items {
  readonly items: readonly Item[];
  readonly arenas: readonly PackingArena[];
  /** Item of each buffer (-1: it takes no bytes), and its distance above the item's base. */
  readonly item: Int32Array;
  readonly distance: Float64Array;
}

/** The item of a root buffer or, where members contradict each other, why there is none. */
export function itemsOf({ buffers, arenas = [{}], capacity = Infinity }: PackingProblem): Items | string {
  const n = buffers.length;
  const item = new Int32Array(n).fill(-1);
  const distance = new Float64Array(n);
  const members = new Map<number, number[]>();
  for (let i = 0; i < n; i++) {
    let root = i;
    for (let inside = buffers[i]!.inside; inside !== undefined; inside = buffers[root]!.inside) {
      distance[i]! += inside.distance;
      root = inside.buffer;
    }
    const list = members.get(root);
    if (list === undefined) members.set(root, [i]);
    else list.push(i);
  }
  const everywhere = arenas.map((_, a) => a);
  const items: Item[] = [];
  for (const list of [...members].sort((a, b) => a[0] - b[0]).map(([, group]) => group)) {
    const made = itemOf(buffers, list, distance, everywhere);
    if (typeof made === "string") return made;
    for (const i of list) item[i] = items.length;
    items.push(made);
  }
  const limited = arenas.map((arena) =>
    capacity === Infinity ? arena : { ...arena, capacity: Math.min(capacity, arena.capacity ?? Infinity) },
  );
  return { items, arenas: limited, item, distance };
}

function itemOf(
  buffers: readonly PackingBuffer[],
  members: readonly number[],
  distance: Float64Array,
  everywhere: readonly number[],
): Item | string {
  const parts: Part[] = [];
  let modulus = 1;
  let residue = 0;
  let pin: number | undefined;
  let hint: number | undefined;
  let arenas = everywhere;
  for (const i of members) {
    const buffer = buffers[i]!;
    const d = distance[i]!;
    parts.push(...partsOf(buffer, d));
    const { alignment = 1, offset, arenas: allowed } = buffer;
    const combined = combine(modulus, residue, alignment, ((-d % alignment) + alignment) % alignment);
    if (combined === undefined) return `the alignment of buffer ${i} contradicts that of what it lies inside of`;
    ({ modulus, residue } = combined);
    if (offset !== undefined) {
      if (offset < d || (pin !== undefined && pin !== offset - d))
        return `the fixed offset of buffer ${i} contradicts that of what it lies inside of`;
      pin = offset - d;
    }
    if (buffer.hint !== undefined && hint === undefined) hint = Math.max(0, buffer.hint - d);
    if (allowed !== undefined) arenas = arenas.filter((a) => allowed.includes(a));
  }
  if (pin !== undefined && pin % modulus !== residue) return `a fixed offset of buffer ${members[0]!} is not aligned`;
  if (arenas.length === 0) return `no arena may hold buffer ${members[0]!} and what lies inside it`;
  return {
    parts,
    lower: parts.reduce((least, part) => Math.min(least, part.lower), Infinity),
    upper: parts.reduce((most, part) => Math.max(most, part.upper), -Infinity),
    top: parts.reduce((most, part) => Math.max(most, part.to), 0),
    area: parts.reduce((sum, part) => sum + (part.to - part.from) * (part.upper - part.lower), 0),
    modulus,
    residue,
    pin,
    hint,
    arenas,
  };
}

function partsOf({ lower, upper, size, gaps = [] }: PackingBuffer, d: number): Part[] {
  const parts: Part[] = [];
  let at = lower;
  const add = (until: number, from: number, to: number): void => {
    if (until > at && to > from) parts.push({ lower: at, upper: until, from: d + from, to: d + to });
    at = Math.max(at, until);
  };
  for (const { lower: from, upper: to, window = [0, 0] } of gaps) {
    add(from, 0, size);
    add(to, window[0], window[1]);
  }
  add(upper, 0, size);
  return parts;
}

/** x = r1 (mod m1) and x = r2 (mod m2) as one condition; undefined where they contradict each other. */
function combine(
  m1: number,
  r1: number,
  m2: number,
  r2: number,
): { readonly modulus: number; readonly residue: number } | undefined {
  if (m1 < m2) return combine(m2, r2, m1, r1);
  const common = gcd(m1, m2);
  if ((r1 - r2) % common !== 0) return undefined;
  let residue = r1;
  while (residue % m2 !== r2) residue += m1;
  return { modulus: (m1 / common) * m2, residue };
}

/** The least base at or above `least` that alignment allows. */
export const baseFrom = ({ modulus, residue }: Item, least: number): number =>
  modulus === 1 ? Math.max(0, least) : residue + Math.max(0, Math.ceil((least - residue) / modulus)) * modulus;

/** Whether no plain boxes do: gaps, aliases, forbidden regions, or a choice of arenas. */
export const isGeneral = ({ buffers, arenas = [] }: PackingProblem): boolean =>
  arenas.length > 1 ||
  arenas.some(({ forbidden = [] }) => forbidden.length > 0) ||
  buffers.some(({ gaps = [], inside }) => gaps.length > 0 || inside !== undefined);
