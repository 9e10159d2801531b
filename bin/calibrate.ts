/** Measuring a machine: small graphs whose steps are bound by bandwidth, by arithmetic and by launches. */
import { builder } from "../models/builder.ts";
import { compile } from "../src/compile.ts";
import { executePlan } from "../src/execute.ts";
import { encodeModel } from "../src/onnx/encode.ts";
import { readModel } from "../src/onnx/read.ts";
import { loadTarget, type Target } from "../src/target/index.ts";

/** Elements of the tensor that is streamed: 32 MiB, larger than any cache that matters. */
const STREAMED = 8 * 1024 * 1024;
const MATRIX = 1024;
const LAUNCHES = 256;

export interface Calibration {
  readonly device: string;
  readonly bytesPerSecond: number;
  readonly flopsPerSecond: number;
  readonly launchSeconds: number;
}

type Clock = () => number;

interface Measured {
  readonly device: string;
  /** Least seconds of each kernel step. */
  readonly steps: readonly number[];
  /** Least seconds of a whole run. */
  readonly run: number;
}

async function measure(model: Uint8Array, target: Target, backend: string, clock: Clock): Promise<Measured> {
  const read = await readModel(model);
  const { plan } = await compile(read, { target });
  const result = await executePlan(plan, { model: read, backend, repeat: 5, profile: true, clock });
  return {
    device: result.device,
    steps: (result.profile ?? []).map(({ seconds }) => seconds),
    run: result.seconds,
  };
}

/** y = -(-(...x)), `count` times over `elements`. */
function chain(count: number, elements: number): Uint8Array {
  const graph = builder({ weights: "none", seed: 0 });
  let x = graph.input("x", "float", [elements]);
  for (let i = 0; i < count; i++) x = graph.op("Neg", [x], `negated_${i}`);
  graph.output("y", x, "float", [elements]);
  return encodeModel(graph.finish("chain"));
}

function product(size: number): Uint8Array {
  const graph = builder({ weights: "none", seed: 0 });
  const a = graph.input("a", "float", [size, size]);
  const b = graph.input("b", "float", [size, size]);
  graph.output("y", graph.op("MatMul", [a, b], "product"), "float", [size, size]);
  return encodeModel(graph.finish("product"));
}

/** Measures the machine behind `backend`. `clock` gives seconds. */
export async function calibrate(backend: string, targetName: string, clock: Clock): Promise<Calibration> {
  const target = loadTarget(targetName);
  const streamed = await measure(chain(2, STREAMED), target, backend, clock);
  const multiplied = await measure(product(MATRIX), target, backend, clock);
  const short = await measure(chain(1, 64), target, backend, clock);
  const long = await measure(chain(1 + LAUNCHES, 64), target, backend, clock);
  const bytesPerStep = 2 * 4 * STREAMED;
  return {
    device: streamed.device,
    bytesPerSecond: bytesPerStep / Math.min(...streamed.steps),
    flopsPerSecond: (2 * MATRIX ** 3) / Math.min(...multiplied.steps),
    // What a launch adds to a run; never below what the clock can tell.
    launchSeconds: Math.max(1e-8, (long.run - short.run) / LAUNCHES),
  };
}
