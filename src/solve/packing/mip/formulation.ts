/**
 * The program of MEMO (arXiv 2407.12117, section 4.2): an address a buffer, a binary a pair,
 *
 *   min M   A_i + S_i <= M   A_i + up <= A_j + z U   A_j + down <= A_i + (1 - z) U   (z = 0: i below j)
 *
 * and, each a switch, what makes it solvable: the known packing's height as U instead of the memory's
 * capacity, the load as M's lower bound, clique stacking (with b_ji = 1 where j is below i)
 *
 *   A_i >= sum_j S_j b_ji     A_i + S_i + sum_j S_j (1 - b_ji) <= M     over buffers j that live with i,
 *
 * which lifts the relaxation to the load, and symmetry (twins in a fixed order, one pair for reflection).
 */
import type { MipConstraint, MipModel, MipVariable } from "../../mip/index.ts";
import type { PackingBuffer } from "../types.ts";
import { cliquesOf, type Relation, type Span } from "./relations.ts";

export interface FormulationParams {
  /** The known height instead of the whole memory as big-M, the load as a lower bound. */
  readonly tightBounds?: boolean;
  readonly cliqueStacking?: boolean;
  readonly symmetry?: boolean;
}

export interface Formulation {
  readonly model: MipModel;
  /** Variable of M. */
  readonly height: number;
  /** Variable of buffer i's address. */
  readonly address: (i: number) => number;
  /** Variable of relation r's order. */
  readonly order: (r: number) => number;
  /** Variable of buffer i's address over its alignment, where there is one. */
  readonly multiple: ReadonlyMap<number, number>;
  /** Relation whose order is fixed by reflection; -1 where none is. */
  readonly reflected: number;
  /** Classes of buffers that may be swapped, ascending; only those of two and more. */
  readonly twins: readonly (readonly number[])[];
}

export interface FormulationInput {
  readonly buffers: readonly PackingBuffer[];
  readonly spans: readonly (readonly Span[])[];
  readonly relations: readonly Relation[];
  readonly lowerBound: number;
  /** No solution above it is wanted. */
  readonly upperBound: number;
  /** Big-M without `tightBounds`: the memory's size. */
  readonly memory: number;
}

export function formulate(input: FormulationInput, params: FormulationParams): Formulation {
  const { buffers, spans, relations, lowerBound, upperBound } = input;
  const tight = params.tightBounds !== false;
  const most = tight ? upperBound : Math.max(upperBound, input.memory);
  const n = buffers.length;
  const height = 0;
  const address = (i: number): number => 1 + i;
  const order = (r: number): number => 1 + n + r;
  const variables: MipVariable[] = [
    { lower: tight ? lowerBound : 0, upper: most, cost: 1 },
    ...buffers.map(({ offset, size }) => ({ lower: offset ?? 0, upper: offset ?? Math.max(0, most - size) })),
  ];
  const symmetric = params.symmetry !== false;
  const twins = symmetric ? twinsOf(buffers) : [];
  const twinOf = new Map(twins.flatMap((members, t) => members.map((i) => [i, t] as const)));
  const reflected = symmetric ? reflectionPair(buffers, relations, twinOf) : -1;
  relations.forEach(({ i, j }, r) => {
    const fixed = r === reflected || (twinOf.has(i) && twinOf.get(i) === twinOf.get(j));
    variables.push({ lower: 0, upper: fixed ? 0 : 1, integer: true });
  });

  const constraints: MipConstraint[] = buffers.map(({ size }, i) => ({
    terms: [
      [address(i), 1],
      [height, -1],
    ],
    upper: -size,
  }));
  relations.forEach(({ i, j, up, down }, r) => {
    constraints.push({
      terms: [
        [address(i), 1],
        [address(j), -1],
        [order(r), -(most + Math.max(0, up))],
      ],
      upper: -up,
    });
    const big = most + Math.max(0, down);
    constraints.push({
      terms: [
        [address(j), 1],
        [address(i), -1],
        [order(r), big],
      ],
      upper: big - down,
    });
  });
  const step = buffers.reduce((common, { alignment = 1 }) => gcd(common, alignment), 0);
  const multiple = new Map<number, number>();
  buffers.forEach(({ alignment = 1, offset }, i) => {
    if (alignment === step || offset !== undefined) return;
    multiple.set(i, variables.push({ lower: 0, upper: Math.floor(most / alignment), integer: true }) - 1);
    constraints.push({
      terms: [
        [address(i), 1],
        [multiple.get(i)!, -alignment],
      ],
      lower: 0,
      upper: 0,
    });
  });
  if (params.cliqueStacking !== false) {
    const relationOf = new Map(relations.map(({ i, j, up, down }, r) => [`${i} ${j} ${up} ${down}`, r]));
    const stacked = buffers.map(({ size }) => Math.ceil(size / step) * step);
    for (const { members } of cliquesOf(buffers, spans)) {
      if (members.length < 3) continue; // pairs have it already
      const slack = Math.max(...members.map((i) => stacked[i]! - buffers[i]!.size));
      for (const i of members) {
        const under: [number, number][] = [[address(i), 1]];
        const over: [number, number][] = [
          [address(i), 1],
          [height, -1],
        ];
        let least = 0;
        let above = 0;
        for (const j of members) {
          if (j === i) continue;
          const [a, b] = i < j ? [i, j] : [j, i];
          const z = order(relationOf.get(`${a} ${b} ${stacked[a]!} ${stacked[b]!}`)!);
          // z = 0 says that the smaller index is below.
          const size = stacked[j]!;
          if (i < j) {
            under.push([z, -size]);
            over.push([z, -size]);
            above += size;
          } else {
            under.push([z, size]);
            over.push([z, size]);
            least += size;
          }
        }
        constraints.push({ terms: under, lower: least });
        constraints.push({ terms: over, upper: slack - stacked[i]! - above });
      }
    }
  }
  return { model: { variables, constraints }, height, address, order, multiple, reflected, twins };
}

export function gcd(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}

const isPlain = ({ offset, gaps = [] }: PackingBuffer): boolean => offset === undefined && gaps.length === 0;

function twinsOf(buffers: readonly PackingBuffer[]): readonly (readonly number[])[] {
  const classes = new Map<string, number[]>();
  buffers.forEach((buffer, i) => {
    if (!isPlain(buffer)) return;
    const key = `${buffer.lower} ${buffer.upper} ${buffer.size} ${buffer.alignment ?? 1}`;
    const members = classes.get(key);
    if (members === undefined) classes.set(key, [i]);
    else members.push(i);
  });
  return [...classes.values()].filter((members) => members.length > 1);
}

/**
 * Upside down, a packing of plain buffers is one too: the largest pair may be ordered at will. Not a pair
 * with twins, whose own order has been chosen already.
 */
function reflectionPair(
  buffers: readonly PackingBuffer[],
  relations: readonly Relation[],
  twinOf: ReadonlyMap<number, number>,
): number {
  if (!buffers.every((buffer) => isPlain(buffer) && (buffer.alignment ?? 1) === 1)) return -1;
  let pair = -1;
  let most = 0;
  relations.forEach(({ i, j }, r) => {
    const product = buffers[i]!.size * buffers[j]!.size;
    if (product <= most || twinOf.has(i) || twinOf.has(j)) return;
    most = product;
    pair = r;
  });
  return pair;
}
