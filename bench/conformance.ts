/**
 * ONNX's backend tests from bytes to outputs, on WebGPU beside WebAssembly: what passes, what is refused,
 * what is wrong, and which kernels a GPU plan leaves to the host.
 *
 *     npm run bench:conformance [-- FOLDER_OF_SETS]
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { runConformance, type ConformanceReport } from "../src/index.ts";

const ROOT = join(import.meta.dirname, import.meta.dirname.includes("dist") ? "../.." : "..");
const DATA = process.argv[2] ?? join(ROOT, "../shared/data/onnx");
const SETS = ["node", "simple", "pytorch-converted", "pytorch-operator"];
const BACKENDS = ["wasm", "webgpu"];
/** Points that WebGPU may pass less than WebAssembly. */
const BAR = 3;

const write = (line: string): void => void process.stdout.write(`${line}\n`);

const percent = ({ passed, total }: ConformanceReport): number => (100 * passed.length) / Math.max(1, total);

function printHost(reports: readonly ConformanceReport[]): void {
  const kernels = new Map<string, number>();
  let dispatched = 0;
  for (const { steps } of reports) {
    dispatched += steps?.dispatched ?? 0;
    for (const { kernel, cases } of steps?.onHost ?? []) kernels.set(kernel, (kernels.get(kernel) ?? 0) + cases.length);
  }
  const sorted = [...kernels].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  write(`\n${dispatched} GPU dispatches; kernels on the host, with the cases that have them:`);
  write(sorted.map(([kernel, cases]) => `${kernel} ${cases}`).join(", "));
}

if (!existsSync(DATA)) {
  process.stderr.write(`there is no ${DATA}: name the folder that holds ${SETS.join(", ")}\n`);
  process.exitCode = 2;
} else {
  const { useSoftwareVulkan } = (await import(
    pathToFileURL(join(ROOT, "scripts", "software-vulkan.mjs")).href
  )) as typeof import("../scripts/software-vulkan.mjs");
  const { reason } = { reason: undefined, ...useSoftwareVulkan() };
  if (reason !== undefined) process.stderr.write(`no WebGPU here: ${reason}\n`);
  const backends = reason === undefined ? BACKENDS : ["wasm"];
  const onGpu: ConformanceReport[] = [];
  let isMet = true;
  write("set                backend  cases  passed          refused  wrong");
  for (const set of SETS.filter((name) => existsSync(join(DATA, name)))) {
    const shares: number[] = [];
    for (const backend of backends) {
      const report = await runConformance(join(DATA, set), backend);
      const share = percent(report);
      shares.push(share);
      if (backend === "webgpu") onGpu.push(report);
      isMet &&= report.failed.length === 0;
      const passed = `${report.passed.length} (${share.toFixed(1)}%)`;
      write(
        `${set.padEnd(18)} ${backend.padEnd(8)} ${String(report.total).padStart(5)}  ${passed.padEnd(14)}  ${String(report.refused.length).padStart(7)}  ${String(report.failed.length).padStart(5)}`,
      );
      for (const { name, message } of report.failed) write(`  wrong: ${name}: ${message}`);
    }
    const [wasm, gpu] = shares;
    if (gpu !== undefined && wasm! - gpu > BAR) isMet = false;
  }
  if (onGpu.length > 0) printHost(onGpu);
  write(`\nbar: WebGPU within ${BAR} points of WebAssembly on every set, nothing wrong: ${isMet ? "met" : "MISSED"}`);
  if (!isMet) process.exitCode = 1;
}
