/**
 * `packByMip(problem, params)`: an exact packer that shares nothing with the search. MEMO's level 1
 * (see `formulation.ts`); `levels.ts` has level 2. For problems of up to about a hundred buffers.
 */
import { invalidPacking } from "../../../errors.ts";
import { solveMip, type MipParams, type MipSolverName } from "../../mip/index.ts";
import type { PackingBuffer, PackingProblem, PackingResult } from "../types.ts";
import { formulate, gcd, type Formulation, type FormulationParams } from "./formulation.ts";
import { firstFit, heightOf, isPacking, offsetsOf } from "./offsets.ts";
import { relationsOf, spansOf, type Relation, type Span } from "./relations.ts";

export interface MipPackingParams extends FormulationParams {
  readonly solver?: MipSolverName;
  /** Nodes of branch and bound. */
  readonly budget?: number;
  /** Wall-clock limit of the solver; the answer then depends on the machine. */
  readonly seconds?: number;
  readonly seed?: number;
  /** Go on to the least height (default). Off: any packing within the capacity will do. */
  readonly minimize?: boolean;
  /** Give the solver a first packing. */
  readonly warmStart?: boolean;
  /** Offsets to start from instead of first fit's; what is no packing is left aside. */
  readonly start?: readonly number[];
}

/** Above it, floats of a solver with tolerances of 1e-6 are no proof. */
const MOST_EXACT = 2 ** 26;

/** Throws InputError `invalid-packing` for arenas and aliases, which the program does not know. */
export async function packByMip(problem: PackingProblem, params: MipPackingParams = {}): Promise<PackingResult> {
  const { buffers: all, capacity = Infinity } = problem;
  all.forEach((buffer, i) => {
    if (buffer.inside !== undefined || (buffer.arenas !== undefined && buffer.arenas.length > 0))
      throw invalidPacking(i, "the mixed integer program knows neither arenas nor buffers inside of others");
  });
  if ((problem.arenas?.length ?? 0) > 0) throw invalidPacking(0, "the mixed integer program knows no arenas");
  const kept = all.flatMap((buffer, i) => (spansOf(buffer).length > 0 ? [i] : []));
  const unit = commonUnit(kept.map((i) => all[i]!));
  const buffers = kept.map((i) => scaled(all[i]!, unit));
  const spans = buffers.map(spansOf);
  const { load, time } = loadOf(buffers, spans);
  const step = buffers.reduce((common, { alignment = 1 }) => gcd(common, alignment), 0);
  // Offsets are multiples of what all alignments share, so distances may be as well.
  const relations = relationsOf(spans).map(({ i, j, up, down }) => ({
    i,
    j,
    up: Math.ceil(up / step) * step,
    down: Math.ceil(down / step) * step,
  }));
  const pins = buffers.reduce((most, { offset, size }) => Math.max(most, offset === undefined ? 0 : offset + size), 0);
  const lowerBound = Math.max(load, pins);
  const limit = Math.floor(capacity / unit);

  const answer = (
    offsets: readonly number[] | undefined,
    bound: number,
    infeasible: boolean,
    method: string,
    steps: number,
  ): PackingResult => {
    const spread: number[] = all.map((buffer) => buffer.offset ?? 0);
    kept.forEach((i, k) => (spread[i] = (offsets?.[k] ?? 0) * unit));
    const height = offsets === undefined ? Infinity : heightOf(all, spread);
    const least = Math.min(bound * unit, height);
    return {
      offsets: spread,
      height,
      lowerBound: least,
      bound: least > load * unit ? (least > lowerBound * unit ? "search" : "pin") : "load",
      boundTime: time,
      status: infeasible
        ? "infeasible"
        : offsets === undefined || height > capacity
          ? "unknown"
          : height <= least
            ? "optimal"
            : "feasible",
      method,
      steps,
    };
  };
  if (buffers.length === 0) return answer([], 0, false, "none", 0);
  if (lowerBound > limit) return answer(undefined, lowerBound, true, "load", 0);
  if (relations.some((relation) => collide(buffers, relation))) return answer(undefined, lowerBound, true, "pins", 0);
  const given = params.start?.length === all.length ? kept.map((i) => params.start![i]! / unit) : undefined;
  const start = given !== undefined && isPacking(buffers, spans, given) ? given : firstFit(buffers, relations);
  const known = start === undefined ? Infinity : heightOf(buffers, start);
  if (known <= (params.minimize === false && capacity < Infinity ? limit : Math.min(lowerBound, limit)))
    return answer(start, lowerBound, false, "first fit", 0);

  const whole = buffers.reduce((sum, { size, alignment = 1 }) => sum + size + alignment, pins);
  const upperBound = Math.min(known, whole, limit);
  const memory = Math.min(limit, Math.max(whole, known === Infinity ? 0 : known));
  const formulation = formulate({ buffers, spans, relations, lowerBound, upperBound, memory }, params);
  const solverParams: MipParams = {
    solver: params.solver ?? "highs",
    // Heights are integers: within one of the bound is optimal.
    absoluteGap: 0.99,
    ...(params.budget === undefined ? {} : { nodes: params.budget }),
    ...(params.seconds === undefined ? {} : { seconds: params.seconds }),
    ...(params.seed === undefined ? {} : { seed: params.seed }),
  };
  const first =
    params.warmStart === false || start === undefined || known > limit
      ? undefined
      : startValues(formulation, buffers, relations, start);
  const solved = await solveMip(
    formulation.model,
    first === undefined ? solverParams : { ...solverParams, start: first },
  );
  const exact = upperBound <= MOST_EXACT;
  const offsets =
    solved.values.length === 0 ? undefined : reread(formulation, buffers, spans, relations, solved.values);
  const found = offsets === undefined ? Infinity : heightOf(buffers, offsets);
  const best = found <= known ? offsets : start;
  const method = `${params.solver ?? "highs"} MIP`;
  if (solved.status === "infeasible")
    return known <= limit
      ? answer(best, lowerBound, false, method, solved.nodes)
      : answer(best, lowerBound, exact, method, solved.nodes);
  const proven = exact && Number.isFinite(solved.bound) ? Math.ceil(solved.bound - 1e-4) : 0;
  return answer(best, Math.max(lowerBound, proven), false, method, solved.nodes);
}

/** Whether both are fixed, and so that neither order holds: nothing is left to solve. */
function collide(buffers: readonly PackingBuffer[], { i, j, up, down }: Relation): boolean {
  const [a, b] = [buffers[i]!.offset, buffers[j]!.offset];
  return a !== undefined && b !== undefined && b < a + up && a < b + down;
}

/** Addresses from the orders that the solver chose; undefined where they are no packing. */
function reread(
  formulation: Formulation,
  buffers: readonly PackingBuffer[],
  spans: readonly (readonly Span[])[],
  relations: readonly Relation[],
  values: readonly number[],
): number[] | undefined {
  const below = relations.map((_, r) => values[formulation.order(r)]! < 0.5);
  const offsets = offsetsOf(buffers, relations, below);
  return offsets !== undefined && isPacking(buffers, spans, offsets) ? offsets : undefined;
}

/** The known packing as values of the variables, turned so that it keeps the fixed orders; undefined where it can't. */
function startValues(
  formulation: Formulation,
  buffers: readonly PackingBuffer[],
  relations: readonly Relation[],
  start: readonly number[],
): number[] | undefined {
  const height = heightOf(buffers, start);
  let offsets = [...start];
  if (formulation.reflected >= 0) {
    const { i, j } = relations[formulation.reflected]!;
    if (offsets[j]! < offsets[i]!) offsets = offsets.map((offset, k) => height - offset - buffers[k]!.size);
  }
  for (const members of formulation.twins) {
    const sorted = members.map((i) => offsets[i]!).sort((a, b) => a - b);
    members.forEach((i, k) => (offsets[i] = sorted[k]!));
  }
  const values = new Array<number>(formulation.model.variables.length).fill(0);
  values[formulation.height] = height;
  offsets.forEach((offset, i) => (values[formulation.address(i)] = offset));
  for (const [i, variable] of formulation.multiple) values[variable] = offsets[i]! / (buffers[i]!.alignment ?? 1);
  relations.forEach(({ i, j, up }, r) => {
    values[formulation.order(r)] = offsets[i]! + up <= offsets[j]! ? 0 : 1;
  });
  const kept = formulation.model.variables.every(
    ({ lower = -Infinity, upper = Infinity }, v) => values[v]! >= lower && values[v]! <= upper,
  );
  return kept ? values : undefined;
}

/** What divides every size, window, alignment and pin. */
function commonUnit(buffers: readonly PackingBuffer[]): number {
  let unit = 0;
  let aligned = 0;
  for (const { size, alignment = 1, offset = 0, gaps = [] } of buffers) {
    unit = gcd(gcd(unit, size), offset);
    if (alignment > 1) aligned = gcd(aligned, alignment);
    for (const { window } of gaps) if (window !== undefined) unit = gcd(gcd(unit, window[0]), window[1]);
  }
  return Math.max(1, gcd(unit, aligned));
}

function scaled(buffer: PackingBuffer, unit: number): PackingBuffer {
  const { lower, upper, size, alignment = 1, offset, gaps } = buffer;
  return {
    lower,
    upper,
    size: size / unit,
    // An alignment of 1 stays: every multiple of the unit has it.
    alignment: alignment === 1 ? 1 : alignment / unit,
    ...(offset === undefined ? {} : { offset: offset / unit }),
    ...(gaps === undefined
      ? {}
      : {
          gaps: gaps.map(({ lower, upper, window }) =>
            window === undefined
              ? { lower, upper }
              : { lower, upper, window: [window[0] / unit, window[1] / unit] as const },
          ),
        }),
  };
}

function loadOf(
  buffers: readonly PackingBuffer[],
  spans: readonly (readonly Span[])[],
): { readonly load: number; readonly time: number } {
  const changes = spans.flat().flatMap(({ lower, upper, from, to }) => [
    { at: lower, bytes: to - from },
    { at: upper, bytes: from - to },
  ]);
  changes.sort((a, b) => a.at - b.at || a.bytes - b.bytes);
  let load = buffers.reduce((most, { size }) => Math.max(most, size), 0);
  let time = 0;
  let now = 0;
  for (const { at, bytes } of changes) {
    now += bytes;
    if (now < load || (now === load && time !== 0)) continue;
    load = now;
    time = at;
  }
  return { load, time };
}
