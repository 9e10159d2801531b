/**
 * `pack(problem, params)`: the best of a portfolio, with a lower bound. Cheapest techniques first;
 * it stops as soon as the height meets the bound, which proves it optimal.
 */
import { invalidPacking } from "../../errors.ts";
import { seededRandom } from "../random.ts";
import { fitPack } from "./fits.ts";
import { loads, sectionsOf } from "./sections.ts";
import { skylinePack } from "./skyline.ts";
import type { PackingBuffer, PackingParams, PackingProblem, PackingResult } from "./types.ts";

export type { PackingParams, PackingProblem, PackingResult } from "./types.ts";

/** Placements that are tried by default: about a second. */
const DEFAULT_BUDGET = 3_000_000;
/** Above this, quadratic techniques are left out. */
const FIT_LIMIT = 3000;
const LOCAL_SEARCH_LIMIT = 400;

/** Throws InputError `invalid-packing` where a buffer makes no sense or fixed buffers collide. */
export function pack(problem: PackingProblem, params: PackingParams = {}): PackingResult {
  problem.buffers.forEach(checkBuffer);
  const kept = problem.buffers.flatMap((buffer, i) => (buffer.size > 0 && buffer.upper > buffer.lower ? [i] : []));
  const buffers = kept.map((i) => problem.buffers[i]!);
  const offsets = problem.buffers.map((buffer) => buffer.offset ?? 0);
  const solution = packAlive(buffers, params);
  kept.forEach((i, k) => (offsets[i] = solution.offsets[k]!));
  const { height, lowerBound, boundTime, method, steps } = solution;
  const { capacity } = problem;
  const status =
    capacity !== undefined && lowerBound > capacity
      ? "infeasible"
      : capacity !== undefined && height > capacity
        ? "unknown"
        : height === lowerBound
          ? "optimal"
          : "feasible";
  return { offsets, height, lowerBound, boundTime, status, method, steps };
}

function checkBuffer(buffer: PackingBuffer, i: number): void {
  const { lower, upper, size, alignment = 1, offset = 0 } = buffer;
  if (![lower, upper].every(Number.isSafeInteger) || upper < lower)
    throw invalidPacking(i, `lifetime [${lower}, ${upper})`);
  if (!Number.isSafeInteger(size) || size < 0) throw invalidPacking(i, `size ${size}`);
  if (!Number.isSafeInteger(alignment) || alignment < 1) throw invalidPacking(i, `alignment ${alignment}`);
  if (!Number.isSafeInteger(offset) || offset < 0 || offset % alignment !== 0)
    throw invalidPacking(i, `fixed offset ${offset}`);
}

interface Solution {
  readonly offsets: Float64Array;
  readonly height: number;
  readonly lowerBound: number;
  readonly boundTime: number;
  readonly method: string;
  readonly steps: number;
}

function packAlive(buffers: readonly PackingBuffer[], params: PackingParams): Solution {
  const n = buffers.length;
  const sections = sectionsOf(buffers);
  const { from, to } = sections;
  const alignments = new Set(buffers.map((buffer) => buffer.alignment ?? 1));
  const fixed = buffers.some((buffer) => buffer.offset !== undefined);
  // With one alignment, offsets are multiples of it, so a size may as well be one.
  const common = alignments.size === 1 && !fixed ? [...alignments][0]! : 1;
  const sizes = Float64Array.from(buffers, (buffer) => Math.ceil(buffer.size / common) * common);
  const load = loads(sections, sizes);
  let lowerBound = 0;
  let boundTime = 0;
  load.forEach((bytes, s) => {
    if (bytes <= lowerBound) return;
    lowerBound = bytes;
    boundTime = sections.time[s]!;
  });
  if (fixed)
    for (const buffer of buffers)
      if (buffer.offset !== undefined) lowerBound = Math.max(lowerBound, buffer.offset + buffer.size);

  const budget = params.budget ?? DEFAULT_BUDGET;
  const trial = new Float64Array(n);
  let best: Float64Array = new Float64Array(n);
  let height = Infinity;
  let method = "none";
  let steps = 0;
  const offer = (found: number, name: string): void => {
    steps += n;
    if (found >= height) return;
    height = found;
    best = trial.slice();
    method = name;
  };
  const done = (): boolean => height <= lowerBound || steps >= budget;
  const result = (): Solution => ({
    offsets: best,
    height: n === 0 ? 0 : height,
    lowerBound,
    boundTime,
    method,
    steps,
  });
  if (n === 0) return result();

  const duration = (i: number): number => to[i]! - from[i]!;
  const rules: readonly [string, (i: number) => number][] = [
    ["size", (i) => sizes[i]!],
    ["area", (i) => sizes[i]! * duration(i)],
    ["duration", duration],
  ];
  // The skyline knows neither pins nor mixed alignments.
  const skyline = params.skyline !== false && !fixed && alignments.size === 1;
  if (skyline) {
    for (const [name, rule] of rules) {
      if (done()) return result();
      offer(
        skylinePack(
          sections,
          sizes,
          Float64Array.from({ length: n }, (_, i) => rule(i) + 1),
          trial,
        ),
        `skyline by ${name}`,
      );
    }
  }
  const problem = { buffers, from, to };
  if ((params.greedyFits !== false && n <= FIT_LIMIT) || !skyline) {
    for (const [name, rule] of [...rules, ["start", (i: number) => -from[i]!] as const]) {
      const order = Array.from({ length: n }, (_, i) => i).sort(
        (a, b) => rule(b) - rule(a) || sizes[b]! - sizes[a]! || a - b,
      );
      for (const bestFit of [true, false]) {
        if (done() && height < Infinity) return result();
        offer(fitPack(problem, order, bestFit, trial), `${bestFit ? "best" : "first"} fit by ${name}`);
      }
    }
  }
  const random = seededRandom(params.seed ?? 0);
  if (params.localSearch !== false && n <= LOCAL_SEARCH_LIMIT) {
    const order = Array.from({ length: n }, (_, i) => i).sort((a, b) => sizes[b]! - sizes[a]! || a - b);
    let current = fitPack(problem, order, true, trial);
    const stop = steps + Math.min((budget - steps) / 2, n * 2000);
    while (!done() && steps < stop) {
      const a = Math.floor(random() * n);
      const b = Math.floor(random() * n);
      const moved = order.splice(a, 1)[0]!;
      order.splice(b, 0, moved);
      const found = fitPack(problem, order, random() < 0.5, trial);
      offer(found, "local search");
      if (found <= current) current = found;
      else {
        order.splice(b, 1);
        order.splice(a, 0, moved);
      }
    }
  }
  if (skyline && params.restarts !== false) {
    const priority = new Float64Array(n);
    while (!done()) {
      const byDuration = 3 * random();
      const bySize = 3 * random();
      const noise = random() < 0.5 ? 0.1 : 0.4;
      for (let i = 0; i < n; i++)
        priority[i] =
          duration(i) ** byDuration * (sizes[i]! / lowerBound) ** bySize * (1 + noise * random()) + Number.MIN_VALUE;
      offer(skylinePack(sections, sizes, priority, trial), "skyline restarts");
    }
  }
  return result();
}
