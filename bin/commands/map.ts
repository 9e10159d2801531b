import { isSet, required, text, type Command } from "../command.ts";
import { readBytes } from "../files.ts";
import { progressLine } from "../progress.ts";
import { stopRequested } from "../thread.ts";
import type { MapParams } from "../../src/solve/mapping/index.ts";

export const mapCommand: Command = {
  command: "map <game>",
  describe: "play the memory mapping game: which accesses a small fast memory serves, with a certified gap",
  examples: [
    ["$0 map game.json", "latency, what mapping nothing costs, and a bound that no plan can pass"],
    ["$0 map game.json --agent regal", "the mapping of a trained agent, beside the same bound"],
    ["$0 map game.json --slices 4", "parts of large values may be fast while the rest is slow"],
    ["$0 map game.json --budget 50000 --json", "search for longer; one JSON document"],
  ],
  options: (yargs) =>
    yargs
      .positional("game", { type: "string", demandOption: true, describe: "game file, or - for standard input" })
      .option("budget", { type: "string", describe: "evaluations; by the size of the game where left out" })
      .option("seed", { type: "string", default: "0", describe: "seed of the search" })
      .option("agent", {
        type: "string",
        choices: ["muzero", "alphazero", "regal"],
        describe: "search by this agent alone, after the bound and the heuristics",
      })
      .option("slices", {
        type: "string",
        describe: "let parts of large values be fast: cut each into so many slices",
      })
      .option("weights", {
        type: "string",
        describe: "weights of the agent (train-mapper); those shipped where left out",
      }),
  async run(flags) {
    const { mapMemory, mapSplit, readGame } = await import("../../src/solve/mapping/index.ts");
    const { formatSeconds } = await import("../../src/report/bytes.ts");
    const file = required(flags, "game");
    const budget = text(flags, "budget");
    const problem = readGame(parseJson(await readBytes(file), file, await errors()));
    const agent = text(flags, "agent");
    const options = {
      ...(agent === undefined ? {} : await agentOnly(agent, text(flags, "weights"))),
      ...(budget === undefined ? {} : { budget: count("--budget", budget, 1, await errors()) }),
      seed: count("--seed", text(flags, "seed") ?? "0", 0, await errors()),
    };
    const given = text(flags, "slices");
    const slices = given === undefined ? 1 : count("--slices", given, 2, await errors());
    const started = performance.now();
    const line = progressLine();
    try {
      const params: MapParams = {
        ...options,
        shouldStop: stopRequested,
        onProgress: ({ method, seconds, bound, evaluations, budget: whole }) =>
          line.update(
            `${method}: ${formatSeconds(seconds)}, bound ${formatSeconds(bound)}, ${evaluations} of ${whole} evaluations`,
          ),
      };
      const split = slices > 1 ? mapSplit(problem, slices, params) : undefined;
      const result = split?.result ?? mapMemory(problem, params);
      line.done();
      const { seconds, allSlowSeconds, bound, gap, method, evaluations } = result;
      const wallSeconds = (performance.now() - started) / 1000;
      if (isSet(flags, "json")) {
        const { allFastSeconds, stallSeconds, copiedBytes, proof, methods } = result;
        process.stdout.write(
          `${JSON.stringify({ seconds, allSlowSeconds, bound, gap, method, evaluations, wallSeconds, allFastSeconds, stallSeconds, copiedBytes, proof, methods, ...(split === undefined ? {} : { slices, anySplitBound: split.anySplitBound }) })}\n`,
        );
      } else {
        const ratio = seconds > 0 ? allSlowSeconds / seconds : 1;
        process.stdout.write(
          `${formatSeconds(seconds)} (all slow ${formatSeconds(allSlowSeconds)}, ${ratio.toFixed(3)}x; bound ${formatSeconds(bound)}, gap ${(100 * gap).toFixed(3)}%) by ${method}, ${evaluations} evaluations, ${wallSeconds.toFixed(2)} s; simulated${split === undefined ? "" : `\nlarge values in ${slices} slices; no split of any kind takes less than ${formatSeconds(split.anySplitBound)}`}\n`,
        );
      }
      return stopRequested() ? 130 : 0;
    } finally {
      line.done();
    }
  },
};

/** Every other search is off. */
async function agentOnly(name: string, weights: string | undefined): Promise<MapParams> {
  const { agentByName } = await import("../../src/solve/mapping/agents/agents.ts");
  const { loadMapper } = await import("../../src/mapper-weights.ts");
  const agent = agentByName(name as Parameters<typeof agentByName>[0], await loadMapper(weights));
  return { agent, neighbourhood: false, annealing: false, mcts: false, exact: false };
}

type Errors = typeof import("../../src/errors.ts");
const errors = (): Promise<Errors> => import("../../src/errors.ts");

function parseJson(bytes: Uint8Array, file: string, { invalidGame }: Errors): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw invalidGame(file, `it is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function count(flag: string, value: string, least: number, { invalidFlag }: Errors): number {
  const number = Number(value);
  if (value.trim() === "" || !Number.isSafeInteger(number) || number < least)
    throw invalidFlag(flag, value, `expected a whole number from ${least} up`);
  return number;
}
