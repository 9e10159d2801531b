/**
 * Planned runs on WebAssembly against TensorFlow.js by itself on the same backend, in one process:
 * medians of interleaved runs, and the most bytes of the heap held at once, counted at its allocator.
 *
 *     npm run bench:wasm [-- --runs N] [-- --light] [NAME ...]
 */
import { existsSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { generateModel } from "../models/index.ts";
import { compile, readModel, type Tensor } from "../src/index.ts";
import { importModel } from "../src/onnx/import.ts";
import { constantReader, trialInput } from "../src/runtime/index.ts";
import { wasmBackend } from "../src/runtime/wasm/backend.ts";
import { wasmExecutor } from "../src/runtime/wasm/executor.ts";
import { loadStock } from "../src/runtime/wasm/stock.ts";

type Options = Readonly<Record<string, number | string>>;

const FAMILIES: readonly (readonly [label: string, family: string, options: Options])[] = [
  ["resnet-50, 96 x 96", "resnet", { depth: 50, image: 96 }],
  ["mobilenet-v2, 160 x 160", "mobilenet-v2", { image: 160 }],
  ["unet, 64 x 64", "unet", { levels: 3, width: 16, image: 64 }],
  ["bert-tiny, 128 tokens", "bert", { preset: "tiny", sequence: 128 }],
  ["gpt2, 6 x 256, 64 tokens", "gpt2", { layers: 6, hidden: 256, heads: 4, vocab: 2000, sequence: 64 }],
  ["llama-tiny, 64 tokens", "llama", { preset: "tiny", sequence: 64 }],
  ["llama-tiny, 1 token, 64 past", "llama", { preset: "tiny", sequence: 1, past: 64 }],
  ["moe, 4 experts, 32 tokens", "moe", { hidden: 128, inner: 256, experts: 4, sequence: 32 }],
  ["sd-unet-block, 16 x 16", "sd-unet-block", { channels: 64, size: 16 }],
];

const LIGHT = join(import.meta.dirname, "../../../shared/data/onnx/light");

interface Row {
  readonly label: string;
  readonly stockMs: number;
  readonly ms: number;
  readonly stockPeak: number;
  readonly peak: number;
  readonly weights: number;
  readonly steady: number;
  readonly error: number;
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

async function compare(label: string, file: string | Uint8Array, runs: number): Promise<Row> {
  const model = await readModel(file);
  const { plan } = await compile(model, { target: "tfjs-wasm" });
  const { constants } = importModel(model, {});
  const constant = constantReader(constants);
  const inputs: Tensor[] = plan.inputs.map((_, i) => trialInput(plan, i, 0));
  const backend = await wasmBackend();
  // Each alone first, so that its peak is its own; then both, taking turns.
  const alone = async <T extends { dispose(): void }>(
    load: () => Promise<T>,
    run: (loaded: T) => unknown,
  ): Promise<number> => {
    const before = backend.heapUse().held;
    backend.resetPeak();
    const loaded = await load();
    for (let i = 0; i < 2; i++) await run(loaded);
    const { peak } = backend.heapUse();
    loaded.dispose();
    return peak - before;
  };
  const loadOurs = () => wasmExecutor.load(plan, { constant });
  const loadTheirs = () => loadStock(plan, { constant });
  const stockPeak = await alone(loadTheirs, (loaded) => loaded.run(inputs));
  const peak = await alone(loadOurs, (loaded) => loaded.run(inputs));

  const stock = await loadTheirs();
  const ours = await loadOurs();
  const stockTimes: number[] = [];
  const times: number[] = [];
  let error = 0;
  let steady = 0;
  for (let i = 0; i < runs + 3; i++) {
    let start = performance.now();
    const wanted = stock.run(inputs);
    const theirs = performance.now() - start;
    const before = backend.allocations();
    start = performance.now();
    const outputs = await ours.run(inputs);
    const mine = performance.now() - start;
    if (i > 0) steady += backend.allocations() - before;
    // The first runs compile and pack.
    if (i < 3) continue;
    stockTimes.push(theirs);
    times.push(mine);
    outputs.forEach(({ data }, k) => {
      if (!(data instanceof Float32Array)) return;
      const scale = wanted[k]!.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6);
      data.forEach((value, j) => (error = Math.max(error, Math.abs(value - wanted[k]![j]!) / scale)));
    });
  }
  stock.dispose();
  ours.dispose();
  return {
    label,
    stockMs: median(stockTimes),
    ms: median(times),
    stockPeak,
    peak,
    weights: plan.summary.weightsBytes,
    steady,
    error,
  };
}

const cells = (row: Row): string[] => [
  row.label,
  row.stockMs.toFixed(2),
  row.ms.toFixed(2),
  `${(row.stockMs / row.ms).toFixed(2)}x`,
  (row.stockPeak / 1e6).toFixed(2),
  (row.peak / 1e6).toFixed(2),
  `${(row.peak / row.stockPeak).toFixed(2)}x`,
  `${((row.peak - row.weights) / (row.stockPeak - row.weights)).toFixed(2)}x`,
  String(row.steady),
  row.error.toExponential(1),
];

const HEAD = ["model", "tfjs ms", "ms", "speed", "tfjs MB", "MB", "bytes", "w/o weights", "mallocs", "error"];

async function main(args: readonly string[]): Promise<void> {
  const at = args.indexOf("--runs");
  const runs = at < 0 ? 15 : Number(args[at + 1]);
  const names = args.filter((arg, i) => !arg.startsWith("--") && i !== at + 1);
  const wanted = (label: string): boolean => names.length === 0 || names.some((name) => label.includes(name));
  const jobs: (readonly [string, () => string | Uint8Array])[] = FAMILIES.map(([label, family, options]) => [
    label,
    () => generateModel(family, options),
  ]);
  if (args.includes("--light") && existsSync(LIGHT))
    for (const file of readdirSync(LIGHT).filter((name) => name.endsWith(".onnx")))
      jobs.push([basename(file, ".onnx"), () => join(LIGHT, file)]);
  const print = (row: readonly string[]): void =>
    console.log(row.map((cell, c) => (c === 0 ? cell.padEnd(29) : cell.padStart(HEAD[c]!.length + 2))).join(" "));
  print(HEAD);
  for (const [label, make] of jobs) {
    if (!wanted(label)) continue;
    try {
      print(cells(await compare(label, make(), runs)));
    } catch (error) {
      print([label, String(error instanceof Error ? error.message : error)]);
    }
  }
}

await main(process.argv.slice(2));
