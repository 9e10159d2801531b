/** What a training leaves: the weights' two files, and its curves. */
import { sha256 } from "../../hash.ts";
import { curvesSvg } from "../../report/curves.ts";
import { FEATURE_VERSION } from "../../solve/mapping/agents/features.ts";
import { SHAPES } from "../../solve/mapping/agents/network.ts";
import { encodeWeights, type WeightsHeader } from "../../solve/mapping/agents/weights.ts";
import { type Checkpoint, floatsOf, type LogEntry } from "./checkpoint.ts";

export function weightsFiles(checkpoint: Checkpoint): { readonly header: WeightsHeader; readonly bytes: Uint8Array } {
  const bytes = encodeWeights(floatsOf(checkpoint.parameters));
  return {
    bytes,
    header: {
      format: "strata-mapper",
      featureVersion: FEATURE_VERSION,
      shapes: SHAPES,
      sha256: sha256(bytes),
      seed: checkpoint.seed,
      training: {
        steps: checkpoint.steps,
        imitationSteps: checkpoint.imitationSteps,
        batch: checkpoint.batch,
        games: checkpoint.games,
        log: checkpoint.log,
      },
    },
  };
}

/** Losses and gaps over steps, as SVG. */
export function trainingPicture(log: readonly LogEntry[]): string {
  const curve = (name: string, of: (entry: LogEntry) => number) => ({
    name,
    points: log.map((entry): [number, number] => [entry.step, of(entry)]),
  });
  return curvesSvg(
    [
      {
        title: "Loss",
        curves: [
          curve("all", ({ total }) => total),
          curve("policy", ({ policy }) => policy),
          curve("value", ({ value }) => value),
          curve("rewards, 5 steps", ({ reward }) => reward),
          curve("policies, 5 steps", ({ unrolled }) => unrolled),
        ],
      },
      {
        title: "One game on programs not trained on: latency above the bound, %",
        curves: [curve("network", ({ gap }) => 100 * gap), curve("prices", ({ priceGap }) => 100 * priceGap)],
      },
    ],
    "steps",
  );
}
