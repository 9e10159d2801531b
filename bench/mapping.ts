/**
 * `npm run bench:mapping`: the mapping portfolio on real architectures, on random games against exhaustive play, and
 * on large random programs. All seconds of plans are simulated on the target's figures; allowances are CPU seconds of one
 * core, so that other load on the machine does not count.
 *
 *     --seconds 2,10    allowances, CPU seconds for each instance
 *     --only a,b        instances whose name contains one of these (resnet50, /b8/, 16M)
 *     --part zoo,games,fast,large,split
 */
import { parseArgs } from "node:util";
import { mapMemory, type MapParams, type MapResult } from "../src/solve/mapping/index.ts";
import type { MappingProblem } from "../src/solve/mapping/types.ts";
import { anySplitBound, splitProblem } from "../src/solve/mapping/split.ts";
import { formatSeconds } from "../src/report/bytes.ts";
import { sweepGames } from "./mapping-games.ts";
import { randomProgram } from "./mapping-random.ts";
import { zooInstances } from "./mapping-zoo.ts";

const { values: flags } = parseArgs({
  options: {
    seconds: { type: "string", default: "2,10" },
    only: { type: "string", default: "" },
    part: { type: "string", default: "zoo,games,fast,large,split" },
    games: { type: "string", default: "2000" },
  },
});
const list = (text: string): string[] => text.split(",").filter((part) => part !== "");
const parts = new Set(list(flags.part));
const only = list(flags.only);
const allowances = list(flags.seconds).map(Number);

const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

/** The clock is asked on every 16th call only: it costs as much as a small evaluation. */
function allowance(seconds: number): { readonly elapsed: () => number; readonly used: () => number } {
  const start = cpuSeconds();
  let calls = 0;
  let share = 0;
  return {
    elapsed: () => {
      if (calls++ % 16 === 0) share = Math.min(1, (cpuSeconds() - start) / seconds);
      return share;
    },
    used: () => cpuSeconds() - start,
  };
}

function mapWithin(problem: MappingProblem, seconds: number, params: MapParams = {}): MapResult & { used: number } {
  const { elapsed, used } = allowance(seconds);
  const result = mapMemory(problem, { budget: 1e9, elapsed, ...params });
  return { ...result, used: used() };
}

const percent = (x: number, digits = 2): string => `${(100 * x).toFixed(digits)}%`;
const mean = (numbers: readonly number[]): number =>
  numbers.reduce((sum, x) => sum + x, 0) / Math.max(1, numbers.length);

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, c) => Math.max(title.length, ...rows.map((row) => (row[c] ?? "").length)));
  return [head, ...rows]
    .map((row) => row.map((cell, c) => (c === 0 ? cell.padEnd(widths[c]!) : cell.padStart(widths[c]!))).join("  "))
    .join("\n");
}

/** Slow traffic of the plan beyond what no plan avoids: reading weights and inputs, and writing outputs, once. */
function nonCompulsoryBytes({ instance, plan, copiedBytes }: MapResult): number {
  let moved = copiedBytes;
  for (let a = 0; a < instance.accesses; a++) if (!plan.fast[a]) moved += instance.slowBytes[a]!;
  let compulsory = 0;
  for (let v = 0; v < instance.versions; v++) {
    const first = instance.list[instance.first[v]!]!;
    if (instance.produced[v] === 0) compulsory += Math.min(instance.bytes[v]!, instance.slowBytes[first]!);
    if (instance.mustEndSlow[v] === 1) compulsory += instance.bytes[v]!;
  }
  return Math.max(0, moved - compulsory);
}

async function zoo(seconds: number): Promise<void> {
  const rows: string[][] = [];
  const gaps: number[] = [];
  const lost = new Map<string, number[]>();
  for await (const { name, problem } of zooInstances(only)) {
    const result = mapWithin(problem, seconds);
    const of = (...names: string[]): number =>
      Math.min(...result.methods.filter(({ method }) => names.includes(method)).map((entry) => entry.seconds));
    const methods: readonly (readonly [string, number])[] = [
      ["all-slow", result.allSlowSeconds],
      ["greedy", of("greedy-order", "greedy-myopic")],
      ["MSA-style", of("msa-style")],
      ["price", of("price-extended", "price-three-action")],
      ["LNS", of("neighbourhood")],
      ["SA", of("annealing-extended", "annealing-three-action")],
    ];
    for (const [method, latency] of methods)
      if (Number.isFinite(latency)) lost.set(method, [...(lost.get(method) ?? []), latency / result.seconds - 1]);
    gaps.push(result.gap);
    rows.push([
      name,
      ...methods.map(([, latency]) => (Number.isFinite(latency) ? formatSeconds(latency) : "-")),
      formatSeconds(result.seconds),
      formatSeconds(result.bound),
      percent(result.gap, 3),
      (result.allSlowSeconds / result.seconds).toFixed(3),
      percent(result.allFastSeconds / result.seconds, 1),
      percent(result.stallSeconds / result.seconds, 1),
      (nonCompulsoryBytes(result) / 2 ** 20).toFixed(1),
      result.method,
      result.used.toFixed(1),
    ]);
    process.stderr.write(`${name}: gap ${percent(result.gap, 3)}\n`);
  }
  const head = ["instance", "all-slow", "greedy", "MSA-style", "price", "LNS", "SA", "best", "bound", "gap"];
  head.push("speed-up", "of infinite", "stall", "extra MiB", "by", "CPU s");
  process.stdout.write(`\nZoo, ${seconds} CPU s an instance\n${table(head, rows)}\n`);
  const worse = [...lost].map(([method, losses]) => `${method} ${percent(mean(losses))}`).join(", ");
  process.stdout.write(`mean latency above the best: ${worse}\n`);
  process.stdout.write(
    `mean certified gap ${percent(mean(gaps), 4)}, largest ${percent(Math.max(...gaps), 3)}, proved optimal (below 0.01%) ${gaps.filter((gap) => gap < 1e-4).length} of ${gaps.length}\n`,
  );
}

function fast(): void {
  const rows = [1, 2, 3, 4, 5].map((seed) => {
    const problem = randomProgram({ operators: 150, seed });
    const start = cpuSeconds();
    const wall = performance.now();
    const result = mapMemory(problem, { preset: "fast", seed });
    return [
      `150 operators, seed ${seed}`,
      ((performance.now() - wall) / 1000).toFixed(2),
      (cpuSeconds() - start).toFixed(2),
      percent(result.gap),
      (result.allSlowSeconds / result.seconds).toFixed(3),
    ];
  });
  process.stdout.write(`\nFast preset\n${table(["program", "wall s", "CPU s", "gap", "speed-up"], rows)}\n`);
}

function large(): void {
  const rows = [1, 2].map((seed) => {
    const problem = randomProgram({ operators: 10_000, seed });
    const result = mapWithin(problem, 60);
    process.stderr.write(`10000 operators, seed ${seed}: gap ${percent(result.gap)}\n`);
    const { used, gap, allSlowSeconds, seconds, method } = result;
    return [
      `10000 operators, seed ${seed}`,
      used.toFixed(1),
      percent(gap),
      (allSlowSeconds / seconds).toFixed(3),
      method,
    ];
  });
  process.stdout.write(`\nLarge programs\n${table(["program", "CPU s", "gap", "speed-up", "by"], rows)}\n`);
}

/** What parts of values in fast memory gain over whole ones, at the same allowance. */
async function split(seconds: number): Promise<void> {
  const rows: string[][] = [];
  const names =
    only.length > 0
      ? only
      : ["resnet50/b8/16M", "unet/b8/128M", "alexnet/b8/16M", "vgg19/b1/16M", "bert-base/b64/128M"];
  for await (const { name, problem } of zooInstances(names)) {
    const whole = mapWithin(problem, seconds);
    const sliced = [2, 4].map((slices) => mapWithin(splitProblem(problem, slices).problem, seconds));
    const least = anySplitBound(problem);
    rows.push([
      name,
      formatSeconds(whole.seconds),
      ...sliced.map((result) => `${formatSeconds(result.seconds)} (${percent(result.seconds / whole.seconds - 1)})`),
      ...sliced.map((result) => percent(result.gap)),
      formatSeconds(least),
      percent(least / whole.seconds - 1),
    ]);
  }
  const head = ["instance", "whole", "2 slices", "4 slices", "gap of 2", "gap of 4", "any split", "at most"];
  process.stdout.write(`\nSplit residency, ${seconds} CPU s each\n${table(head, rows)}\n`);
}

if (parts.has("zoo")) for (const seconds of allowances) await zoo(seconds);
if (parts.has("games")) process.stdout.write(`\n${await sweepGames(Number(flags.games))}\n`);
if (parts.has("fast")) fast();
if (parts.has("large")) large();
if (parts.has("split")) await split(allowances[0]!);
