/**
 * `npm run bench:agents`: where the trained network helps. On families that it was not trained on: evaluations until
 * a plan is within 1% of the certified bound, by prior, in two searches; and the latency of each agent at equal wall clock.
 */
import { parseArgs } from "node:util";
import { heldOutGames } from "../src/mapper-games.ts";
import { loadMapper } from "../src/mapper-weights.ts";
import { agentByName, AGENT_NAMES, networkPrior } from "../src/solve/mapping/agents/agents.ts";
import {
  type AgentParams,
  type AgentResult,
  type MappingAgent,
  networkPolicy,
  type Policy,
  pricePolicy,
  uniformPolicy,
} from "../src/solve/mapping/agents/play.ts";
import { proposalSearch } from "../src/solve/mapping/agents/regal.ts";
import { annealOnce, newAnneal } from "../src/solve/mapping/anneal.ts";
import { ascend, newAscent } from "../src/solve/mapping/bound.ts";
import { type Instance, mapMemory, simulate } from "../src/solve/mapping/index.ts";
import { mctsSearch, type Prior } from "../src/solve/mapping/mcts.ts";
import { priceTables, type PriceTables } from "../src/solve/mapping/prices.ts";
import { newState } from "../src/solve/mapping/state.ts";

const { values: flags } = parseArgs({
  options: {
    evaluations: { type: "string", default: "512" },
    seeds: { type: "string", default: "3" },
    seconds: { type: "string", default: "0.5" },
    portfolio: { type: "string", default: "3000" },
    only: { type: "string", default: "" },
    weights: { type: "string" },
  },
});
const MOST = Number(flags.evaluations);
const SEEDS = Number(flags.seeds);
const SECONDS = Number(flags.seconds);
const GAP = 0.01;

interface Subject {
  readonly name: string;
  readonly instance: Instance;
  readonly tables: PriceTables;
  /** The best bound and plan known: those of the portfolio with --portfolio evaluations. */
  readonly bound: number;
  readonly best: number;
}

const network = await loadMapper(flags.weights);
const subjects: Subject[] = [];
for (const { name, problem } of await heldOutGames()) {
  if (!name.includes(flags.only)) continue;
  const result = mapMemory(problem, { budget: Number(flags.portfolio) });
  const { instance } = result;
  // Prices as every prior sees them: 300 iterations.
  const ascent = newAscent(instance);
  ascend(ascent, 300, { rate: 0.08, lastRate: 0.005 });
  const tables = priceTables(instance, ascent.best, ascent.cuts);
  subjects.push({ name, instance, tables, bound: result.bound, best: result.seconds });
}

const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[(list.length - 1) >> 1]!;
const seedList = Array.from({ length: SEEDS }, (_, k) => k + 1);
const count = (n: number): string => (n === Infinity ? `>${MOST}` : String(n));
const percent = (x: number): string => `${(100 * x).toFixed(2)}%`;

function table(title: string, head: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = head.map((cell, k) => Math.max(cell.length, ...rows.map((row) => row[k]!.length)));
  const line = (cells: readonly string[]): string =>
    cells.map((cell, k) => (k === 0 ? cell.padEnd(widths[k]!) : cell.padStart(widths[k]!))).join("  ");
  process.stdout.write(`\n${title}\n${[line(head), ...rows.map(line)].join("\n")}\n`);
}

// ---- evaluations to a gap of 1% ----

const policies: readonly (readonly [name: string, policy: Policy])[] = [
  ["uniform", uniformPolicy],
  ["price", pricePolicy],
  ["network", networkPolicy(network)],
];

function proposalEvaluations({ instance, tables, bound }: Subject, policy: Policy, seed: number): number {
  let found = Infinity;
  proposalSearch(policy, instance, {
    seed,
    budget: MOST,
    tables,
    bound,
    shouldStop: () => found < Infinity,
    onBetter: (seconds, evaluations) => {
      if (seconds * (1 - GAP) <= bound) found = Math.min(found, evaluations);
    },
  });
  return found;
}

const evenPrior: Prior = (_state, moves) => moves.map(() => 1 / moves.length);

/** The tree search plans for its budget: the least power of two that is enough. */
function treeEvaluations({ instance, tables, bound }: Subject, prior: Prior | undefined, seed: number): number {
  for (let simulations = 1; simulations <= MOST; simulations *= 2) {
    const plan = mctsSearch(instance, tables, {
      simulations,
      seed,
      bound,
      ...(prior === undefined ? {} : { prior }),
      shouldStop: () => false,
      onEvaluation: () => {},
    });
    if (plan !== undefined && simulate(instance, plan).seconds * (1 - GAP) <= bound) return simulations;
  }
  return Infinity;
}

const reachable = subjects.filter(({ best, bound }) => best * (1 - GAP) <= bound);
const unreachable = subjects.filter((subject) => !reachable.includes(subject));
if (unreachable.length > 0)
  process.stdout.write(
    `left out, no plan within 1% of the bound is known: ${unreachable.map(({ name, best, bound }) => `${name} (${percent((best - bound) / best)})`).join(", ")}\n`,
  );

/** Ratio of evaluations, network to price, with what was not reached counted at twice the limit. */
function verdict(search: string, price: readonly number[], learned: readonly number[]): void {
  const cut = (n: number): number => Math.min(n, 2 * MOST);
  const logs = price.map((n, k) => Math.log(cut(learned[k]!) / cut(n)));
  const ratio = Math.exp(logs.reduce((sum, x) => sum + x, 0) / Math.max(1, logs.length));
  const fewer = learned.filter((n, k) => n < price[k]!).length;
  const more = learned.filter((n, k) => n > price[k]!).length;
  process.stdout.write(
    `${search}: the network needs ${ratio.toFixed(2)} times the evaluations of the prices (geometric mean of ${price.length}; ` +
      `fewer on ${fewer}, more on ${more}); at most 0.50 is asked for: ${ratio <= 0.5 ? "passed" : "not passed, off by default"}\n`,
  );
}

const proposals = reachable.map((subject) =>
  policies.map(([, policy]) => median(seedList.map((seed) => proposalEvaluations(subject, policy, seed)))),
);
table(
  `evaluations to a 1% gap, proposals for the annealer (median of ${SEEDS} seeds)`,
  ["instance", "accesses", ...policies.map(([name]) => name)],
  reachable.map(({ name, instance }, k) => [name, String(instance.accesses), ...proposals[k]!.map(count)]),
);
verdict(
  "proposals",
  proposals.map((row) => row[1]!),
  proposals.map((row) => row[2]!),
);

const trees = reachable.map((subject) =>
  [evenPrior, undefined, networkPrior(network, subject.bound)].map((prior) =>
    median(seedList.map((seed) => treeEvaluations(subject, prior, seed))),
  ),
);
table(
  `evaluations to a 1% gap, tree search with price rollouts (median of ${SEEDS} seeds)`,
  ["instance", "accesses", ...policies.map(([name]) => name)],
  reachable.map(({ name, instance }, k) => [name, String(instance.accesses), ...trees[k]!.map(count)]),
);
verdict(
  "tree search",
  trees.map((row) => row[1]!),
  trees.map((row) => row[2]!),
);

// ---- one game ----

table(
  "one game by the most probable moves: gap to the bound",
  ["instance", ...policies.map(([name]) => name), "best known"],
  subjects.map(({ name, instance, tables, bound, best }) => [
    name,
    ...policies.map(([, policy]) => {
      const { seconds } = proposalSearch(policy, instance, { seed: 1, budget: 1, tables, bound });
      return percent((seconds - bound) / seconds);
    }),
    percent((best - bound) / best),
  ]),
);

// ---- equal wall clock ----

function anneal(instance: Instance, params: AgentParams): AgentResult {
  const state = newState(instance);
  const run = newAnneal(instance, state, [], params.tables!, "extended", params.seed);
  let evaluations = 1;
  for (; evaluations < params.budget; evaluations++) annealOnce(run, state, [], evaluations / params.budget);
  return { plan: run.bestPlan, seconds: run.best, evaluations };
}

const contestants: readonly MappingAgent[] = [
  { name: "annealing", play: anneal },
  ...AGENT_NAMES.map((name) => agentByName(name, network)),
];

/** The budget that takes about SECONDS, from a short run; schedules then end where the time does. */
function timed(agent: MappingAgent, subject: Subject, seed: number): { seconds: number; wall: number } {
  const { instance, tables, bound } = subject;
  const play = (budget: number): { result: AgentResult; wall: number } => {
    const start = performance.now();
    const result = agent.play(instance, { seed, budget, tables, bound });
    return { result, wall: (performance.now() - start) / 1000 };
  };
  let budget = 32;
  let { result, wall } = play(budget);
  while (wall < SECONDS / 4 && budget < 1e6) {
    budget *= 2;
    ({ result, wall } = play(budget));
    // Sure of every move: more budget buys nothing.
    if (result.evaluations < budget / 2) return { seconds: result.seconds, wall };
  }
  ({ result, wall } = play(Math.max(1, Math.round((budget * SECONDS) / wall))));
  return { seconds: result.plan === undefined ? Infinity : simulate(instance, result.plan).seconds, wall };
}

const timedRows = subjects.map((subject) => contestants.map((agent) => timed(agent, subject, 1)));
table(
  `gap to the bound at about ${SECONDS} s each (seconds used)`,
  ["instance", ...contestants.map(({ name }) => name)],
  [
    ...subjects.map(({ name, bound }, k) => [
      name,
      ...timedRows[k]!.map(({ seconds, wall }) => `${percent((seconds - bound) / seconds)} (${wall.toFixed(2)})`),
    ]),
    [
      "mean",
      ...contestants.map((_, c) =>
        percent(
          subjects.reduce((sum, { bound }, k) => sum + 1 - bound / timedRows[k]![c]!.seconds, 0) / subjects.length,
        ),
      ),
    ],
  ],
);
