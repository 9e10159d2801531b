/**
 * Plans on the GPU against their bars: medians of interleaved runs in one process, on the device that Dawn finds.
 *
 *     npm run bench:runtime [-- --part PART,...] [--only NAME,...] [--runs N] [--save]
 *
 * Parts: bits (equal to an unplanned run of the same kernels on TensorFlow.js's backend), steady (nothing made after the
 * first run), memory (bytes of buffers, counted), stock (against TensorFlow.js by itself), ort (against ONNX Runtime's WebGPU
 * provider), hazards (one arena against banks), profile (GPU time kernel by kernel). WebAssembly has `npm run bench:wasm`. `--only` takes parts of names;
 * `--save` also writes bench/results/runtime-DEVICE.txt.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bytesOf } from "../src/kernels/access.ts";
import { openDevice, type GpuDevice } from "../src/runtime/webgpu/device.ts";
import { BUFFER_USAGE } from "../src/runtime/webgpu/gpu.ts";
import { loadReplay } from "../src/runtime/webgpu/replay.ts";
import { loadStock as loadUnplanned } from "../src/runtime/webgpu/stock.ts";
import { verdict } from "./packing/table.ts";
import { FAMILIES, LARGE, prepare, recordedModels, type BenchModel } from "./runtime/models.ts";
import { onnxRuntime, tensorFlow, type Peer } from "./runtime/peers.ts";
import { formatTable, median, megabytes, milliseconds, reasonOf } from "./runtime/table.ts";

const PARTS = ["bits", "steady", "memory", "stock", "ort", "hazards", "profile", "wasm"] as const;
type Part = (typeof PARTS)[number];

const now = (): number => performance.now() / 1000;
const open = (): Promise<GpuDevice> => openDevice({ dawn: ["disable-dawn-features=timestamp_quantization"] });

const argument = (name: string): string | undefined => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? undefined : (process.argv[at + 1] ?? "");
};

const only = argument("only")?.split(",");
const isWanted = ({ name }: BenchModel): boolean => only === undefined || only.some((part) => name.includes(part));
const runs = Number(argument("runs") ?? 11);

const report: string[] = [];
function show(title: string, header: readonly string[], rows: readonly (readonly string[])[]): void {
  const text = formatTable(title, header, rows);
  report.push(text);
  console.log(`\n${text}`);
}

/** One row a model; a model that can't be run says why in its row. */
async function rowsOf<Bench extends BenchModel>(
  models: readonly Bench[],
  row: (model: Bench) => Promise<readonly string[]>,
): Promise<(readonly string[])[]> {
  const rows: (readonly string[])[] = [];
  for (const model of models.filter(isWanted)) {
    try {
      rows.push([model.name, ...(await row(model))]);
    } catch (error) {
      rows.push([model.name, `failed: ${reasonOf(error)}`]);
    }
    console.error(rows.at(-1)!.join("  "));
  }
  return rows;
}

/** Bit-identity and steady state: both from three planned runs and an unplanned one. */
async function bits(gpu: GpuDevice): Promise<void> {
  const header = ["model", "dispatches", "host steps", "buffers", "groups", "pipelines", "submits", "bits"];
  const rows = await rowsOf([...FAMILIES, ...recordedModels()], async (bench) => {
    const { plan, inputs, constant } = await prepare(bench, "tfjs-webgpu");
    const planned = await loadReplay(gpu, plan, { constant });
    try {
      await planned.run(inputs);
      const before = gpu.counters();
      await planned.run(inputs);
      const outputs = await planned.run(inputs);
      const after = gpu.counters();
      const unplanned = await loadUnplanned(gpu, plan, { constant, unplanned: true });
      const wanted = await unplanned.run(inputs).finally(() => unplanned.dispose());
      const equal = outputs.every((tensor, i) => Buffer.compare(bytesOf(tensor), bytesOf(wanted[i]!)) === 0);
      const kernels = plan.steps.flatMap((step) => (step.kind === "kernel" ? [step.dispatch] : []));
      return [
        String(kernels.filter((one) => one !== null).length),
        String(kernels.filter((one) => one === null).length),
        ...(["buffers", "bindGroups", "computePipelines"] as const).map((what) => String(after[what] - before[what])),
        String((after.submits - before.submits) / 2),
        equal ? "equal" : "DIFFERENT",
      ];
    } finally {
      planned.dispose();
    }
  });
  show("Bits as unplanned on TensorFlow.js's backend; what two steady runs make; submits a run", header, rows);
}

/**
 * Most bytes of all buffers, and of storage buffers alone, that `work` held at once on a device of its own:
 * Dawn's null device, which validates everything and computes nothing, since what is allocated does not
 * depend on results.
 */
async function peakOf(work: (gpu: GpuDevice) => Promise<void>): Promise<{ all: number; storage: number }> {
  const gpu = await openDevice({ dawn: ["backend=null"] });
  let [held, storage] = [0, 0];
  const { raw } = gpu;
  const create = raw.createBuffer.bind(raw);
  raw.createBuffer = (descriptor) => {
    const buffer = create(descriptor);
    if ((descriptor.usage & BUFFER_USAGE.storage) === 0) return buffer;
    held += descriptor.size;
    storage = Math.max(storage, held);
    const destroy = buffer.destroy.bind(buffer);
    let live = true;
    buffer.destroy = () => {
      if (live) held -= descriptor.size;
      live = false;
      destroy();
    };
    return buffer;
  };
  try {
    await work(gpu);
    return { all: gpu.counters().peakBytes, storage };
  } finally {
    await gpu.close();
  }
}

const roundedToWords = (bytes: number): number => Math.ceil(bytes / 4) * 4;

async function memory(): Promise<void> {
  const header = ["model", "plan MB", "counted MB", "exact", "all MB", "tfjs MB", "ratio", "w/o weights", "<= 0.5"];
  const wanted = only === undefined ? LARGE : [...LARGE, ...FAMILIES];
  const models = wanted.flatMap((bench) => [bench, { ...bench, name: `${bench.name}, float16`, half: true }]);
  const rows = await rowsOf(models, async (bench: BenchModel & { readonly half?: boolean }) => {
    const { plan, inputs, constant } = await prepare(bench, "tfjs-webgpu", bench.half === true ? "all" : undefined);
    const { peakBytes } = plan.summary;
    const figure = roundedToWords(peakBytes["arena"]!) + roundedToWords(peakBytes["weights"]!);
    const ours = await peakOf(async (gpu) => {
      const planned = await loadReplay(gpu, plan, { constant });
      await planned.run(inputs);
      planned.dispose();
    });
    const theirs = await peakOf(async (gpu) => {
      const stock = await tensorFlow(gpu, await prepare(bench, "tfjs-wasm"));
      await stock.run();
      await stock.dispose();
    });
    const ratio = ours.all / theirs.all;
    return [
      megabytes(figure),
      megabytes(ours.storage),
      ours.storage === figure ? "yes" : `off by ${ours.storage - figure} B`,
      megabytes(ours.all),
      megabytes(theirs.all),
      `${ratio.toFixed(2)}x`,
      `${((ours.all - plan.summary.weightsBytes) / (theirs.all - plan.summary.weightsBytes)).toFixed(2)}x`,
      verdict(ratio <= 0.5),
    ];
  });
  show("Most bytes of GPU buffers at once (plan: arena and weights; all: with uniforms and readback)", header, rows);
}

/** Medians of interleaved runs, in seconds, warmed up. */
async function interleaved(ours: () => Promise<unknown>, peer: Peer): Promise<readonly [number, number]> {
  const mine: number[] = [];
  const other: number[] = [];
  for (let i = 0; i < runs + 2; i++) {
    let start = now();
    await peer.run();
    const peerSeconds = now() - start;
    start = now();
    await ours();
    const seconds = now() - start;
    if (i < 2) continue;
    mine.push(seconds);
    other.push(peerSeconds);
  }
  return [median(mine), median(other)];
}

async function against(
  title: string,
  gpu: GpuDevice,
  load: (bench: BenchModel) => Promise<Peer>,
  bar: (ratio: number, bench: BenchModel) => string,
): Promise<void> {
  const rows = await rowsOf(FAMILIES, async (bench) => {
    const { plan, inputs, constant } = await prepare(bench, "tfjs-webgpu");
    const peer = await load(bench);
    const planned = await loadReplay(gpu, plan, { constant });
    try {
      const [mine, other] = await interleaved(() => planned.run(inputs), peer);
      return [milliseconds(other), milliseconds(mine), `${(other / mine).toFixed(2)}x`, bar(other / mine, bench)];
    } finally {
      planned.dispose();
      await peer.dispose();
    }
  });
  show(title, ["model", "peer ms", "ms", "speed", "bar"], rows);
}

/** One arena, operands read_write, against banks, operands read-only: what the default is chosen by. */
async function hazards(gpu: GpuDevice): Promise<void> {
  const rows = await rowsOf(FAMILIES, async (bench) => {
    const { plan, inputs, constant } = await prepare(bench, "tfjs-webgpu");
    const arena = await loadReplay(gpu, plan, { constant });
    const banks = await loadReplay(gpu, plan, { constant, hazards: "banks" });
    try {
      const [one, several] = await interleaved(() => arena.run(inputs), {
        run: () => banks.run(inputs),
        dispose: async () => {},
      });
      const activations = (bytes: number): number => bytes - plan.summary.peakBytes["weights"]!;
      const bytes = activations(banks.peakBytes) / activations(arena.peakBytes);
      return [milliseconds(several), milliseconds(one), `${(several / one).toFixed(2)}x`, `${bytes.toFixed(2)}x`];
    } finally {
      arena.dispose();
      banks.dispose();
    }
  });
  show("One arena (the default) against banks", ["model", "banks ms", "arena ms", "speed", "banks' bytes"], rows);
}

/** GPU time by kernel: where a plan's run goes. */
async function profile(gpu: GpuDevice): Promise<void> {
  for (const bench of FAMILIES.filter(isWanted)) {
    const { plan, inputs, constant } = await prepare(bench, "tfjs-webgpu");
    const planned = await loadReplay(gpu, plan, { constant });
    const least = new Map<number, number>();
    for (let i = 0; i < Math.min(5, runs); i++)
      for (const { step, seconds } of (await planned.profile?.(inputs, now)) ?? [])
        least.set(step, Math.min(least.get(step) ?? Infinity, seconds));
    planned.dispose();
    const byKernel = new Map<string, { seconds: number; count: number }>();
    for (const [step, seconds] of least) {
      const one = plan.steps[step]!;
      const name = one.kind === "kernel" ? one.kernel : "copy";
      const known = byKernel.get(name) ?? { seconds: 0, count: 0 };
      byKernel.set(name, { seconds: known.seconds + seconds, count: known.count + 1 });
    }
    const rows = [...byKernel]
      .sort(([, a], [, b]) => b.seconds - a.seconds)
      .slice(0, 10)
      .map(([name, { seconds, count }]) => [name, String(count), milliseconds(seconds)]);
    show(`Time by kernel: ${bench.name}`, ["kernel", "dispatches", "ms"], rows);
  }
}

/** TensorFlow.js WebAssembly has a benchmark of its own, in a process of its own: it registers other backends. */
function wasm(): void {
  const script = join(
    import.meta.dirname,
    import.meta.dirname.includes("dist") ? "runtime-wasm.js" : "runtime-wasm.ts",
  );
  const text = execFileSync(process.execPath, [script, "--runs", String(runs), ...(only ?? [])], { encoding: "utf8" });
  report.push(text);
  console.log(text);
}

async function main(): Promise<void> {
  const parts = (argument("part")?.split(",") ?? PARTS) as readonly Part[];
  const unknown = parts.find((part) => !PARTS.includes(part));
  if (unknown !== undefined || !(runs >= 1)) {
    console.error(
      `error: ${unknown === undefined ? "--runs takes a count" : `there is no part '${unknown}'`}: ${PARTS.join(", ")}`,
    );
    process.exitCode = 2;
    return;
  }
  const gpu = await open();
  const { description, device, vendor, software } = gpu.adapter;
  const name = description || device || vendor;
  const head = `device: ${name}${software ? " (software: it computes on the CPU)" : ""}; Node ${process.version}; ${runs} runs`;
  console.log(head);
  report.push(`${new Date().toISOString().slice(0, 10)}, ${head}\n`);
  const peer = async (bench: BenchModel): Promise<Peer> => tensorFlow(gpu, await prepare(bench, "tfjs-wasm"));
  try {
    for (const part of new Set(parts)) {
      if (part === "bits" || (part === "steady" && !parts.includes("bits"))) await bits(gpu);
      else if (part === "memory") await memory();
      else if (part === "stock")
        await against("Against TensorFlow.js by itself on the same device", gpu, peer, (ratio, { launchBound }) => {
          const least = launchBound === true ? 2.5 : 0.95;
          return `>= ${least}x: ${verdict(ratio >= least)}`;
        });
      else if (part === "ort")
        await against(
          "Against ONNX Runtime's WebGPU provider on the same device",
          gpu,
          async (bench) => {
            const { plan, inputs } = await prepare(bench, "tfjs-webgpu");
            const names = plan.inputs.map((id) => plan.values[id]!.name);
            return onnxRuntime(bench, inputs, names);
          },
          (ratio) => (ratio >= 1 ? "at least as fast" : "slower"),
        );
      else if (part === "hazards") await hazards(gpu);
      else if (part === "profile") await profile(gpu);
      else if (part === "wasm") wasm();
    }
  } finally {
    await gpu.close();
  }
  if (process.argv.includes("--save")) {
    const root = import.meta.dirname.includes("dist")
      ? join(import.meta.dirname, "..", "..")
      : join(import.meta.dirname, "..");
    const folder = join(root, "bench", "results");
    mkdirSync(folder, { recursive: true });
    const file = join(folder, `runtime-${name.replaceAll(/[^A-Za-z0-9]+/g, "-").toLowerCase()}.txt`);
    writeFileSync(`${file}.part`, report.join("\n"));
    renameSync(`${file}.part`, file);
    console.log(`written to ${file}`);
  }
}

await main();
