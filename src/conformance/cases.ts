/** ONNX backend test folders: `model.onnx` beside `test_data_set_N/input_K.pb` and `output_K.pb`. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { malformedCase } from "../errors.ts";
import { tensorFromBytes } from "../kernels/access.ts";
import type { Tensor } from "../kernels/types.ts";
import { readTensor } from "../onnx/read.ts";
import type { Tolerance } from "./compare.ts";

export interface TestCase {
  readonly name: string;
  readonly model: string;
  readonly dataSets: readonly string[];
}

/** Cases in a folder: the folder itself where it holds a model, else its subfolders, by name. */
export function findCases(folder: string): TestCase[] {
  if (existsSync(join(folder, "model.onnx"))) return [caseAt(folder)];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(folder, entry.name, "model.onnx")))
    .map((entry) => entry.name)
    .sort()
    .map((name) => caseAt(join(folder, name)));
}

function caseAt(folder: string): TestCase {
  const dataSets = readdirSync(folder)
    .filter((name) => /^test_data_set_\d+$/.test(name))
    .sort()
    .map((name) => join(folder, name));
  return { name: basename(folder), model: join(folder, "model.onnx"), dataSets };
}

/** Tensors `prefix_0.pb`, `prefix_1.pb`, ... of a data set; null for a file that holds no bytes (an absent optional). */
export async function readTensors(dataSet: string, prefix: "input" | "output"): Promise<(Tensor | null)[]> {
  const tensors: (Tensor | null)[] = [];
  for (let i = 0; ; i++) {
    const path = join(dataSet, `${prefix}_${i}.pb`);
    if (!existsSync(path)) return tensors;
    const bytes = readFileSync(path);
    if (bytes.byteLength === 0) {
      tensors.push(null);
      continue;
    }
    const data = await readTensor(bytes);
    if (data.source.kind !== "inline") throw malformedCase(path, "it holds no dense numeric tensor");
    tensors.push(tensorFromBytes(data.dtype, data.shape, data.source.bytes()));
  }
}

/** Tolerances of ONNX's own runner, with the cases that it loosens. */
export function toleranceOf(name: string): Tolerance {
  if (/dft|stft/.test(name)) return { rtol: 1e-3, atol: 1e-4 };
  return { rtol: 1e-3, atol: 1e-5 };
}
