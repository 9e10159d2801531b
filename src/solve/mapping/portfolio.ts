/**
 * Every method in turn, the best simulated plan kept. Never worse than any of them: it is asserted. Anytime:
 * progress is reported, and a stop gives the best so far. Budgets count evaluations (a game played to its end, or
 * one evaluation of the bound), so that the same problem, budget and seed give the same plan everywhere.
 */
import { broken, invariant, workingSetTooLarge } from "../../errors.ts";
import type { MappingAgent } from "./agents/play.ts";
import { annealOnce, type AnnealRun, newAnneal } from "./anneal.ts";
import { ascend, type AscentParams, type BoundCertificate, certificate, newAscent } from "./bound.ts";
import { checkMapping } from "./check.ts";
import { decode, type GameName, playGreedy } from "./decode.ts";
import { exactSearch } from "./exact.ts";
import { allFastSeconds, allSlowSeconds, type Instance, prepare } from "./instance.ts";
import { mctsSearch, type Prior } from "./mcts.ts";
import type { Move } from "./moves.ts";
import { msaPlan } from "./msa.ts";
import { adopt, construct, perturb, planOfNeighbourhood } from "./neighbourhood.ts";
import { newNeighbourhood } from "./neighbourhood-state.ts";
import { type PriceTables, priceTables } from "./prices.ts";
import { newRefinement, refine, type RefinedCertificate, refinedCertificate } from "./refine.ts";
import { simulate } from "./simulate.ts";
import { newState, planOf } from "./state.ts";
import type { MappingPlan, MappingProblem } from "./types.ts";

export interface MapProgress {
  readonly method: string;
  /** Best latency and bound so far, seconds. */
  readonly seconds: number;
  readonly bound: number;
  readonly evaluations: number;
  readonly budget: number;
}

/** Every technique is a switch, on where left out, so that ablations are free. */
export interface MapParams {
  /** `fast`: a fraction of a second for a few hundred operators; `thorough`: five times `default`. */
  readonly preset?: MapPreset;
  /** Evaluations; by the preset and the size of the problem where left out. */
  readonly budget?: number;
  readonly seed?: number;
  /** Relative gap at which the search stops: 1e-9 where left out. */
  readonly gap?: number;
  readonly greedy?: boolean;
  readonly msa?: boolean;
  readonly price?: boolean;
  /** The decomposition bound after the Lagrangian one. */
  readonly refine?: boolean;
  readonly neighbourhood?: boolean;
  readonly annealing?: boolean;
  readonly mcts?: boolean;
  readonly exact?: boolean;
  /** Plays a share of the budget, all of it where no other search is on. None where left out. */
  readonly agent?: MappingAgent;
  /** Move probabilities of an agent, for the tree search; those of the prices where left out. */
  readonly prior?: Prior;
  readonly onProgress?: (progress: MapProgress) => void;
  /** Asked between evaluations; true ends the search with the best so far. */
  readonly shouldStop?: () => boolean;
  /**
   * Share of a wall-clock allowance that is used up, from 0 to 1: paces the search where time is what is scarce. The
   * result then depends on the machine; left out, only evaluations count.
   */
  readonly elapsed?: () => number;
}

export interface MapResult {
  readonly instance: Instance;
  readonly plan: MappingPlan;
  /** Latency of the plan by the simulator. */
  readonly seconds: number;
  readonly stallSeconds: number;
  readonly copiedBytes: number;
  readonly allSlowSeconds: number;
  /** With infinite fast memory and no copies at all. */
  readonly allFastSeconds: number;
  /** No plan takes less: by the certificates, or by exhaustive search where `proof` says so. */
  readonly bound: number;
  readonly proof: "lagrangian" | "exhaustive";
  readonly certificate: BoundCertificate;
  /** Further multipliers that prove more, where there are any: see refine.ts. */
  readonly refined?: RefinedCertificate;
  /** (seconds - bound) / seconds. */
  readonly gap: number;
  /** Technique that found the plan. */
  readonly method: string;
  readonly evaluations: number;
  readonly budget: number;
  /** Best latency of each technique that ran. */
  readonly methods: readonly { readonly method: string; readonly seconds: number }[];
}

export type MapPreset = "fast" | "default" | "thorough";

const EFFORT: Readonly<Record<MapPreset, number>> = { fast: 1 / 100, default: 1, thorough: 5 };

/** Evaluations for problems of this many accesses: about the same time for all but the largest. */
const presetBudget = (accesses: number, preset: MapPreset = "default"): number =>
  Math.max(20, Math.round(EFFORT[preset] * Math.max(400, Math.min(20_000, 6e6 / Math.max(1, accesses)))));

/**
 * Shares of the allowance that are used up after the Lagrangian bound, the first part of the large-neighbourhood
 * search, the decomposition bound, and the second part: of most programs, and of those that are large.
 */
const SHARES = { bound: 0.15, first: 0.35, refined: 0.75, second: 0.94 };
const LARGE_SHARES = { bound: 0.3, first: 0.5, refined: 0.85, second: 1 };
const MOST_BOUND = 1200;
const MOST_REFINED = 1500;
/** Moves of the large-neighbourhood search in one evaluation. */
const PERTURBATIONS = 16;
const LARGE = 3000;
/** Accesses up to which exhaustive search is tried. */
const SMALL = 48;
/** Its nodes for each evaluation of the budget. */
const EXACT_NODES = 10;
/** Share of what is left after the bound that goes to an agent beside other searches. */
const AGENT_SHARE = 0.1;
/** Share of the budget at the end that goes to tree search. */
const MCTS_SHARE = 0.03;

const GAMES: readonly GameName[] = ["extended", "three-action"];

/** Maps `problem`. Throws InfeasibleError `working-set-too-large` where an instruction fits in no plan. */
export function mapMemory(problem: MappingProblem, params: MapParams = {}): MapResult {
  const instance = prepare(problem);
  checkWorkingSets(instance);
  return search(instance, params);
}

function checkWorkingSets(instance: Instance): void {
  for (let t = 0; t < instance.steps; t++) {
    const scoped = instance.problem.instructions[t - 1]?.scopedBytes ?? 0;
    if (instance.staged[t]! > instance.room[t]! || scoped > instance.problem.hardware.fastBytes)
      throw workingSetTooLarge(t - 1, instance.staged[t]! + scoped, instance.problem.hardware.fastBytes);
  }
}

function search(instance: Instance, params: MapParams): MapResult {
  const budget = params.budget ?? presetBudget(instance.accesses, params.preset);
  const seed = params.seed ?? 0;
  const tolerance = params.gap ?? 1e-9;
  const stop = params.shouldStop ?? (() => false);
  const slowSeconds = allSlowSeconds(instance);
  const methods: { method: string; seconds: number }[] = [];
  let plan: MappingPlan = { fast: Array.from({ length: instance.accesses }, () => false), ranges: [], copies: [] };
  let best = { seconds: Infinity, stallSeconds: 0, copiedBytes: 0, method: "" };
  let evaluations = 0;
  let bound = 0;
  let proof: MapResult["proof"] = "lagrangian";

  const report = (method: string): void =>
    params.onProgress?.({ method, seconds: best.seconds, bound: Math.min(bound, best.seconds), evaluations, budget });
  const offer = (method: string, candidate: MappingPlan): void => {
    const { seconds, stallSeconds, copiedBytes } = simulate(instance, candidate);
    const known = methods.find((entry) => entry.method === method);
    if (known === undefined) methods.push({ method, seconds });
    else known.seconds = Math.min(known.seconds, seconds);
    if (seconds < best.seconds) {
      best = { seconds, stallSeconds, copiedBytes, method };
      plan = candidate;
    }
    report(method);
  };
  const closed = (): boolean => best.seconds - bound <= tolerance * best.seconds;
  const elapsed = params.elapsed ?? (() => 0);
  /** Share of the whole allowance that is used up. */
  const shares = instance.accesses > LARGE ? LARGE_SHARES : SHARES;
  const spent = (): number => Math.max(evaluations / budget, elapsed());
  const over = (): boolean => spent() >= 1 || closed() || stop();

  offer("all-slow", plan);
  const ascent = newAscent(instance);
  /** Raises a bound until so many iterations are done, or the share of the allowance is used up. */
  const raise = (
    name: string,
    climb: (iterations: number, params: AscentParams) => number,
    iterations: number,
    until: number,
    { rate, lastRate }: AscentParams,
  ): void => {
    const start = spent();
    const chunk = 16;
    let progress = 0;
    for (let done = 0; done < iterations && progress < 1 && !over(); done += chunk) {
      const next = Math.min(
        1,
        Math.max((done + chunk) / iterations, (spent() - start) / Math.max(1e-9, until - start)),
      );
      const at = (x: number): number => rate * (lastRate / rate) ** x;
      const seconds = climb(Math.min(chunk, iterations - done), { rate: at(progress), lastRate: at(next) });
      evaluations += Math.min(chunk, iterations - done);
      progress = next;
      bound = Math.max(bound, seconds);
      report(name);
    }
  };
  const climb = (iterations: number, rates: AscentParams): number => {
    ascend(ascent, iterations, rates);
    return ascent.seconds;
  };
  /** Exhaustive search where the problem is small: outside the budget, bounded by its own. */
  const finishSmall = (until: number): void => {
    if (params.exact === false || instance.accesses > SMALL || closed() || stop()) return;
    const tables = priceTables(instance, ascent.best, ascent.cuts);
    const given = (): boolean => stop() || elapsed() >= until;
    const found = exactSearch(instance, tables, ascent.best, ascent.seconds, best.seconds, EXACT_NODES * budget, given);
    if (found.plan !== undefined) offer("exact", found.plan);
    if (!found.complete) return;
    bound = best.seconds;
    proof = "exhaustive";
  };

  const state = newState(instance);
  const moves: Move[] = [];
  if (params.greedy !== false) {
    for (const rule of ["order", "myopic"] as const) {
      evaluations++;
      playGreedy(state, moves, rule);
      offer(`greedy-${rule}`, planOf(state));
    }
  }
  if (params.msa !== false) {
    evaluations++;
    offer("msa-style", msaPlan(instance));
  }
  if (params.price !== false || params.annealing !== false) {
    const most = Math.min(MOST_BOUND, Math.ceil(budget * shares.bound));
    const early = Math.min(300, Math.ceil(most / 3));
    const decodeAll = (): void => {
      const tables = priceTables(instance, ascent.best, ascent.cuts);
      for (const game of GAMES) {
        if (stop() || closed()) return;
        evaluations++;
        decode(state, moves, tables, game, undefined);
        offer(`price-${game}`, planOf(state));
      }
    };
    // Decoding before the prices have settled as well: the earlier ones are sometimes the better guides.
    raise("bound", climb, early, shares.bound / 3, { rate: 0.08, lastRate: 0.01 });
    if (ascent.iterations > 0) decodeAll();
    finishSmall(shares.bound / 2);
    raise("bound", climb, most - early, shares.bound, { rate: 0.05, lastRate: 0.0008 });
    if (ascent.iterations > early) decodeAll();
    finishSmall(shares.first);
  }
  if (ascent.iterations === 0) {
    // A certificate is always given, be it a weak one.
    ascend(ascent, 1, { rate: 0.08, lastRate: 0.08 });
    bound = Math.max(bound, ascent.seconds);
  }
  const tables = priceTables(instance, ascent.best, ascent.cuts);

  if (params.agent !== undefined && !over()) {
    const alone = params.neighbourhood === false && params.annealing === false && params.mcts === false;
    const share = Math.ceil((budget - evaluations) * (alone ? 1 : AGENT_SHARE));
    const { name } = params.agent;
    const found = params.agent.play(instance, { seed, budget: share, tables, bound, shouldStop: stop });
    evaluations += found.evaluations;
    if (found.plan !== undefined) offer(name, found.plan);
  }

  const local = params.neighbourhood !== false && instance.problem.hardware.slowDirect;
  // Whole games are too slow an evaluation for large programs.
  const games = instance.accesses <= LARGE && (params.annealing !== false || params.mcts !== false);
  const lastLocal = games ? shares.second : 1;
  const improve = local && !over() ? localSearch(tables) : () => undefined;
  improve(params.refine === false ? lastLocal : shares.first);
  const refinement = params.refine === false || over() ? undefined : newRefinement(ascent);
  if (refinement !== undefined) {
    const further = (iterations: number, rates: AscentParams): number => {
      refine(refinement, iterations, rates);
      return refinement.seconds;
    };
    const most = Math.min(MOST_REFINED, Math.ceil((budget - evaluations) / 2));
    raise("decomposition", further, most, local ? shares.refined : lastLocal, { rate: 0.2, lastRate: 0.001 });
  }
  improve(lastLocal);
  if (params.annealing !== false && !over()) {
    const runs: AnnealRun[] = GAMES.map((game, k) =>
      newAnneal(instance, state, moves, tables, game, seed + 101 * k + 1),
    );
    const start = spent();
    const end = params.mcts === false ? 1 : 1 - MCTS_SHARE;
    let turn = 0;
    while (!over() && spent() < end) {
      const run = runs[turn++ % runs.length]!;
      const progress = Math.min(1, (spent() - start) / (end - start));
      if (annealOnce(run, state, moves, progress)) offer(`annealing-${run.game}`, run.bestPlan);
      evaluations++;
      if (turn % 64 === 0) report(`annealing-${run.game}`);
    }
    for (const { game, bestPlan } of runs) offer(`annealing-${game}`, bestPlan);
  }
  if (params.mcts !== false && !over()) {
    const found = mctsSearch(instance, tables, {
      simulations: budget - evaluations,
      seed,
      bound,
      shouldStop: over,
      ...(params.prior === undefined ? {} : { prior: params.prior }),
      onEvaluation: () => evaluations++,
    });
    if (found !== undefined) offer("mcts", found);
  }
  return finish();

  /** Begins a large-neighbourhood search; the function goes on with it until a share of the allowance is used up. */
  function localSearch(prices: PriceTables): (until: number) => void {
    const neighbourhood = newNeighbourhood(instance, prices, seed + 5);
    for (const rent of [0, 1]) {
      construct(neighbourhood, rent);
      evaluations++;
    }
    offer("neighbourhood", planOfNeighbourhood(neighbourhood));
    neighbourhood.temperature = Math.max(0, slowSeconds - best.seconds) * 0.002;
    return (until) => {
      // From whichever plan is the best so far.
      if (neighbourhood.best > best.seconds) adopt(neighbourhood, plan);
      const start = spent();
      let found = neighbourhood.best;
      const worthwhile = instance.accesses > LARGE ? 1e-3 : 0;
      while (!over() && spent() < until) {
        const progress = Math.min(1, (spent() - start) / (until - start));
        for (let k = 0; k < PERTURBATIONS; k++) perturb(neighbourhood, progress);
        evaluations++;
        // A whole plan is made and simulated for it: on large programs not for every little gain.
        if (neighbourhood.best < found * (1 - worthwhile) && neighbourhood.best < best.seconds) {
          found = neighbourhood.best;
          offer("neighbourhood", planOfNeighbourhood(neighbourhood));
        }
      }
      if (neighbourhood.best < best.seconds) offer("neighbourhood", planOfNeighbourhood(neighbourhood));
    };
  }

  function finish(): MapResult {
    // Both are sums of rounded numbers: beyond that, a bound above a plan is a fault of ours.
    if (bound > best.seconds * (1 + 1e-7) + 1e-300) throw broken(`bound ${bound} is above the plan's ${best.seconds}`);
    for (const { method, seconds } of methods)
      invariant(best.seconds <= seconds, `the mapping is worse than ${method}: ${best.seconds} > ${seconds}`);
    const faults = checkMapping(instance, plan);
    if (faults.length > 0) throw broken(`the mapping found by ${best.method} breaks a rule: ${faults[0]}`);
    const lower = Math.min(bound, best.seconds);
    return {
      instance,
      plan,
      ...best,
      allSlowSeconds: slowSeconds,
      allFastSeconds: allFastSeconds(instance),
      bound: lower,
      proof,
      certificate: certificate(ascent),
      ...(refinement === undefined || refinement.seconds <= ascent.seconds
        ? {}
        : { refined: refinedCertificate(refinement) }),
      gap: best.seconds > 0 ? (best.seconds - lower) / best.seconds : 0,
      evaluations,
      budget,
      methods,
    };
  }
}
