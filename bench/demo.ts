/** `npm run demo`: real graphs from bytes to checked outputs, with planned memory, on TensorFlow.js WebAssembly. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { generateModel } from "../models/index.ts";
import { compareTensors } from "../src/conformance/compare.ts";
import { readTensors } from "../src/conformance/cases.ts";
import {
  compileModel,
  executePlan,
  readModel,
  readTensor,
  simulate,
  verify,
  type Model,
  type Tensor,
} from "../src/index.ts";
import { makeTensor, tensorFromBytes } from "../src/kernels/access.ts";
import { formatBytes, formatSeconds } from "../src/report/bytes.ts";
import { trialInput } from "../src/runtime/index.ts";

const ROOT = import.meta.dirname.includes("dist")
  ? join(import.meta.dirname, "..", "..")
  : join(import.meta.dirname, "..");
const FIXTURES = join(ROOT, "fixtures", "onnx");
const now = (): number => performance.now() / 1000;

interface Example {
  readonly title: string;
  readonly model: Model;
  /** Inputs in model order, or undefined for made-up ones. */
  readonly inputs?: readonly Tensor[];
  /** What the outputs must be, in model order, and who says so; undefined where nobody can. */
  readonly reference: (
    inputs: ReadonlyMap<string, Tensor>,
  ) => Promise<{ readonly by: string; readonly outputs: readonly (Tensor | null)[] } | undefined>;
}

async function tensorFile(path: string): Promise<Tensor> {
  const data = await readTensor(new Uint8Array(readFileSync(path)));
  if (data.source.kind !== "inline") throw new Error(`${path} holds no tensor`);
  return tensorFromBytes(data.dtype, data.shape, data.source.bytes());
}

/** Outputs by ONNX Runtime, where it is installed. */
async function byOnnxRuntime(
  bytes: Uint8Array,
  inputs: ReadonlyMap<string, Tensor>,
  names: readonly string[],
): Promise<{ by: string; outputs: Tensor[] } | undefined> {
  const ort = await import("onnxruntime-node").catch(() => undefined);
  if (ort === undefined) return undefined;
  const session = await ort.InferenceSession.create(bytes);
  const feeds = Object.fromEntries(
    [...inputs].map(([name, tensor]) => [
      name,
      new ort.Tensor(tensor.dtype as "float32", tensor.data as Float32Array, tensor.shape),
    ]),
  );
  const results = await session.run(feeds);
  const outputs = names.map((name) => {
    const { data, dims } = results[name]!;
    const floats = data as Float32Array;
    return tensorFromBytes("float32", dims, new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength));
  });
  await session.release();
  return { by: "ONNX Runtime", outputs };
}

async function generated(title: string, name: string, options: Record<string, string | number>): Promise<Example> {
  const bytes = generateModel(name, options);
  const model = await readModel(bytes);
  const names = model.graph.outputs.map((output) => output.name);
  return { title, model, reference: (inputs) => byOnnxRuntime(bytes, inputs, names) };
}

async function examples(): Promise<Example[]> {
  const light = join(FIXTURES, "light", "light_resnet50");
  const bert = join(FIXTURES, "bert_tiny");
  const lightModel = await readModel(`${light}.onnx`);
  const shape = lightModel.graph.inputs[0]?.dims?.map(Number) ?? [];
  const set = join(bert, "test_data_set_0");
  return [
    {
      title: "ResNet-50 (ONNX's light model: real graph, constant weights)",
      model: lightModel,
      inputs: [makeTensor("float32", shape)],
      reference: async () => ({
        by: "ONNX's C reference evaluator",
        outputs: [await tensorFile(`${light}_output_0.pb`)],
      }),
    },
    await generated("ResNet-50 (generated, seeded weights)", "resnet", { depth: 50 }),
    {
      title: "BERT (PyTorch export, 2 layers)",
      model: await readModel(join(bert, "model.onnx")),
      inputs: (await readTensors(set, "input")).filter((tensor) => tensor !== null),
      reference: async () => ({ by: "PyTorch", outputs: await readTensors(set, "output") }),
    },
    await generated("GPT-2 (generated, 6 layers of 384, 64 tokens)", "gpt2", {
      layers: 6,
      hidden: 384,
      heads: 6,
      vocab: 8192,
      sequence: 64,
    }),
  ];
}

/** Runs one example; returns whether everything held. */
async function show({ title, model, inputs: given, reference }: Example): Promise<boolean> {
  const shapes = new Map(given?.map((tensor, i) => [model.graph.inputs[i]!.name, tensor.shape]));
  const start = now();
  const { plan } = compileModel(model, { shapes });
  const seconds = now() - start;
  const { arenaBytes, arenaLowerBoundBytes, unplannedBytes, weightsBytes } = plan.summary;
  console.log(`\n${title}`);
  console.log(
    `  plan    arena ${formatBytes(arenaBytes)} (lower bound ${formatBytes(arenaLowerBoundBytes)}, unplanned ${formatBytes(unplannedBytes)}), weights ${formatBytes(weightsBytes)}; ${plan.steps.length} steps, planned in ${formatSeconds(seconds)}`,
  );
  const violations = [...verify(plan), ...simulate(plan)];
  console.log(
    `  verify  ${violations.length === 0 ? `ok: ${plan.placements.length} placements hold, byte by byte` : `${violations.length} violations, first: ${violations[0]!.message}`}`,
  );
  const inputs = new Map(plan.inputs.map((id, i) => [plan.values[id]!.name, given?.[i] ?? trialInput(plan, i, 0)]));
  const run = await executePlan(plan, { model, inputs, check: true, repeat: 3, clock: now });
  console.log(
    `  run     ${formatSeconds(run.seconds)} on ${run.device}, ${run.steadyAllocations} allocations in steady state, ${run.check?.equal === true ? "bit for bit equal to" : "DIFFERENT from"} an unplanned run`,
  );
  const wanted = await reference(inputs);
  if (wanted === undefined) {
    console.log("  check   skipped: onnxruntime-node is not installed (npm ci installs it)");
    return violations.length === 0 && run.check?.equal === true;
  }
  const differences = run.outputs.flatMap(({ name, tensor }, i) => {
    const expected = wanted.outputs[i];
    return expected ? (compareTensors(name, tensor, expected, { rtol: 1e-3, atol: 1e-4 })?.message ?? []) : [];
  });
  console.log(
    `  check   ${differences.length === 0 ? `${run.outputs.length} output(s) agree with ${wanted.by} (rtol 1e-3, atol 1e-4)` : `DIFFERS from ${wanted.by}: ${differences[0]}`}`,
  );
  return violations.length === 0 && run.check?.equal === true && differences.length === 0;
}

let ok = true;
for (const example of await examples()) ok = (await show(example)) && ok;
console.log(ok ? "\nall checks passed" : "\nSOME CHECKS FAILED");
process.exitCode = ok ? 0 : 1;
