import { basename } from "node:path";
import { isSet, required, text, type Command } from "../command.ts";
import { readChunks, writeWhole } from "../files.ts";
import { interruptSignal } from "../interrupt.ts";
import { byteCount, whole } from "../pairs.ts";
import { progressLine } from "../progress.ts";
import { paint } from "../style.ts";
import type { PackingProblem } from "../../src/solve/packing/types.ts";

/** Steps of the search where only the least height will do: some twenty seconds. */
const PATIENT_STEPS = 20_000_000;

export const packCommand: Command = {
  command: "pack <problem>",
  describe: "static allocation: offsets for buffers with lifetimes and sizes, provably lowest where possible",
  examples: [
    ["$0 pack problem.csv", "the least height, with the bound that proves it"],
    ["$0 pack problem.csv --capacity 1MiB -o packed.csv", "any packing within a capacity, or why there is none"],
    ["$0 pack problem.csv --minimize --workers 4", "four seeds race, each in a thread of its own"],
    ["$0 pack problem.csv --plot packing.svg --json", "drawn: time across, address up; one JSON document"],
  ],
  options: (yargs) =>
    yargs
      .positional("problem", {
        type: "string",
        demandOption: true,
        describe: "CSV (id,lower,upper,size[,alignment,gaps,offset,hint]) or JSON file, or - for standard input",
      })
      .option("capacity", {
        type: "string",
        describe: "bytes that there are (or 512KiB, 40GB): any packing within will do",
      })
      .option("minimize", {
        type: "boolean",
        default: false,
        describe: "go on to the least height; so without --capacity",
      })
      .option("budget", { type: "string", describe: "steps to take at most; nodes, for a mixed integer program" })
      .option("seed", { type: "string", default: "0", describe: "seed of the search" })
      .option("workers", {
        type: "string",
        describe:
          "race four seeds over so many threads: the same answer for any number, and never worse than one seed's. Each seed may take the budget, so fewer than four threads may take longer than one seed alone",
      })
      .option("solver", {
        type: "string",
        choices: ["search", "highs", "glpk"],
        default: "search",
        describe: "the search, or a mixed integer program, which is for some dozens of buffers",
      })
      .option("repack", {
        type: "boolean",
        default: false,
        describe: "take offsets in the file as a packing to improve, not as fixed places",
      })
      .option("output", {
        alias: "o",
        type: "string",
        describe: "problem with its offsets to write: CSV, or JSON by its name; - for standard output",
      })
      .option("plot", { type: "string", describe: "draw the packing: FILE.svg, or FILE.png" })
      .option("explain", { type: "boolean", default: false, describe: "say which buffers make the height necessary" }),
  async run(flags) {
    const { readPackingFile, csvText, jsonText } = await import("../../src/packing-file/index.ts");
    const { invalidFlag } = await import("../../src/errors.ts");
    const { runPack } = await import("../pack-run.ts");
    const { conflictLines, isPacked, packFigures, packLine } = await import("../../src/report/packing.ts");
    const file = required(flags, "problem");
    const capacity = text(flags, "capacity");
    const budget = text(flags, "budget");
    const output = text(flags, "output");
    const plot = text(flags, "plot");
    if (plot !== undefined && !/\.(svg|png)$/i.test(plot))
      throw invalidFlag("--plot", plot, "expected a file name that ends in .svg or .png");
    const limit = capacity === undefined ? undefined : byteCount("--capacity", capacity);
    const workers = text(flags, "workers");
    const solver = text(flags, "solver") as "search" | "highs" | "glpk";
    if (workers !== undefined && solver !== "search")
      throw invalidFlag("--workers", workers, `only the search runs in several threads, not --solver ${solver}`);
    const options = {
      solver,
      explain: isSet(flags, "explain"),
      seed: whole("--seed", text(flags, "seed") ?? "0"),
      ...(budget !== undefined
        ? { budget: whole("--budget", budget) }
        : isSet(flags, "minimize") && solver === "search"
          ? { budget: PATIENT_STEPS }
          : {}),
      ...(workers === undefined ? {} : { workers: whole("--workers", workers) }),
    };
    const read = await readPackingFile(readChunks(file), file === "-" ? "standard input" : file);
    const given = isSet(flags, "repack") ? { ...read, problem: freed(read.problem) } : read;
    const problem = limit === undefined ? given.problem : { ...given.problem, capacity: limit };
    const minimize = isSet(flags, "minimize") || problem.capacity === undefined;

    const started = performance.now();
    const { signal, dispose } = interruptSignal();
    const line = progressLine();
    try {
      const { result, why } = await runPack(
        { problem, minimize, ...options },
        signal,
        ({ method, height, lowerBound, steps }) =>
          line.update(
            `${method}: height ${height < Infinity ? height : "none yet"}, bound ${lowerBound}, ${steps} steps`,
          ),
      );
      line.done();
      const seconds = (performance.now() - started) / 1000;
      const packed = isPacked(result);
      if (output !== undefined && packed) {
        const asJson = output === "-" ? given.format === "json" : /\.json$/i.test(output);
        const pieces = (asJson ? jsonText : csvText)({ ...given, problem }, result.offsets, result.arenas);
        await writeWhole(output, Buffer.concat([...pieces].map((piece) => Buffer.from(piece))));
      }
      if (plot !== undefined && packed) {
        const { packingSvg } = await import("../../src/report/packing-plot.ts");
        const svg = packingSvg(problem, result, { title: file === "-" ? "packing" : basename(file) });
        await writeWhole(plot, /\.png$/i.test(plot) ? await (await import("../png.ts")).pngOf(svg) : svg);
      }
      const print = (words: string): void => void (output === "-" ? process.stderr : process.stdout).write(words);
      const no = result.status === "infeasible" || result.status === "unknown";
      if (isSet(flags, "json")) print(`${JSON.stringify(packFigures(problem, result, seconds, why))}\n`);
      else {
        const lines = why === undefined ? [] : conflictLines(problem, why);
        print(`${[packLine(problem, result, seconds), ...lines].join("\n")}\n`);
      }
      if (!packed && (output ?? plot) !== undefined)
        process.stderr.write(paint.warning("there is no packing: no file was written") + "\n");
      return signal.aborted ? 130 : no ? 1 : 0;
    } finally {
      line.done();
      dispose();
    }
  },
};

/** Fixed offsets as hints. */
function freed(problem: PackingProblem): PackingProblem {
  return {
    ...problem,
    buffers: problem.buffers.map(({ offset, ...buffer }) =>
      offset === undefined ? buffer : { ...buffer, hint: offset },
    ),
  };
}
