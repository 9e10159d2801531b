import { isSet, required, text, type Command } from "../command.ts";
import { readBytes, writeWhole } from "../files.ts";
import { interruptSignal } from "../interrupt.ts";
import { progressLine } from "../progress.ts";

export const trainMapperCommand: Command = {
  command: "train-mapper",
  describe: "train the network of the mapping game's agents: imitation of solved games, then self-play",
  examples: [
    ["$0 train-mapper --out mapper.bin", "mapper.bin and mapper.json, with checkpoints on the way"],
    [
      "$0 train-mapper --out mapper.bin --resume mapper.checkpoint.json",
      "go on where it was cut; the result is the same",
    ],
  ],
  options: (yargs) =>
    yargs
      .option("out", { type: "string", default: "mapper.bin", describe: "weights; header and checkpoints lie beside" })
      .option("steps", { type: "string", default: "1200", describe: "steps of training, a quarter of them self-play" })
      .option("seed", { type: "string", default: "0", describe: "seed of everything" })
      .option("batch", { type: "string", default: "64", describe: "positions in a step" })
      .option("games", { type: "string", default: "120", describe: "random programs to learn from" })
      .option("resume", { type: "string", describe: "checkpoint to go on from; its seed, steps and batch count" })
      .option("picture", {
        type: "string",
        describe: "losses and gaps as a picture: .svg, or .png with @resvg/resvg-js",
      }),
  async run(flags) {
    const { invalidFlag } = await import("../../src/errors.ts");
    const { readCheckpoint } = await import("../../src/runtime/training/checkpoint.ts");
    const { train } = await import("../../src/runtime/training/train.ts");
    const { weightsFiles, trainingPicture } = await import("../../src/runtime/training/results.ts");
    const { trainingGames, validationGames } = await import("../../src/mapper-games.ts");
    const { pngOf } = await import("../png.ts");
    const whole = (name: string, least: number): number => {
      const value = required(flags, name);
      const number = Number(value);
      if (value.trim() === "" || !Number.isSafeInteger(number) || number < least)
        throw invalidFlag(`--${name}`, value, `expected a whole number from ${least} up`);
      return number;
    };
    const out = required(flags, "out");
    if (!out.endsWith(".bin")) throw invalidFlag("--out", out, "expected a name that ends in .bin");
    const picture = text(flags, "picture");
    if (picture !== undefined && !/\.(svg|png)$/.test(picture))
      throw invalidFlag("--picture", picture, "expected a name that ends in .svg or .png");
    const base = out.slice(0, -".bin".length);
    const checkpointFile = `${base}.checkpoint.json`;
    const from = text(flags, "resume");
    const resume =
      from === undefined ? undefined : readCheckpoint(new TextDecoder().decode(await readBytes(from)), from);
    const count =
      resume === undefined ? whole("games", 1) : resume.games.filter((name) => name.startsWith("random")).length;
    const { signal, dispose } = interruptSignal();
    const line = progressLine();
    try {
      const { checkpoint, finished } = await train({
        games: await trainingGames(count),
        validation: validationGames(),
        seed: whole("seed", 0),
        steps: whole("steps", 1),
        batch: whole("batch", 1),
        effort: { anneals: 80, budget: 300 },
        ...(resume === undefined ? {} : { resume }),
        shouldStop: () => signal.aborted,
        onProgress: (message) => line.update(message),
        onCheckpoint: (state) => writeWhole(checkpointFile, JSON.stringify(state)),
      });
      line.done();
      await writeWhole(checkpointFile, JSON.stringify(checkpoint));
      if (picture !== undefined) {
        const svg = trainingPicture(checkpoint.log);
        await writeWhole(picture, picture.endsWith(".png") ? await pngOf(svg) : svg);
      }
      if (!finished) {
        process.stderr.write(`stopped at step ${checkpoint.step} of ${checkpoint.steps}: --resume ${checkpointFile}\n`);
        return 130;
      }
      const { header, bytes } = weightsFiles(checkpoint);
      await writeWhole(out, bytes);
      await writeWhole(`${base}.json`, `${JSON.stringify(header, null, 1)}\n`);
      const last = checkpoint.log.at(-1);
      if (isSet(flags, "json")) process.stdout.write(`${JSON.stringify({ out, steps: checkpoint.steps, last })}\n`);
      else
        process.stdout.write(
          `${out}: ${bytes.length} bytes after ${checkpoint.steps} steps; one game by the network is ` +
            `${(100 * (last?.gap ?? 0)).toFixed(2)}% above the bound on games it was not trained on, one by the prices ${(100 * (last?.priceGap ?? 0)).toFixed(2)}%\n`,
        );
      return 0;
    } finally {
      line.done();
      dispose();
    }
  },
};
