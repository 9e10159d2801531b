/** Runs ONNX's backend tests by interpreting the imported graph with the reference kernels, one node after another. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { compareTensors } from "../conformance/compare.ts";
import { findCases, readTensors, toleranceOf, type TestCase } from "../conformance/cases.ts";
import { InfeasibleError, InputError, missingKernel } from "../errors.ts";
import type { Graph, ValueId } from "../ir/types.ts";
import { makeTensor, sizeOf, storageOn, tensorFromBytes } from "../kernels/access.ts";
import { kernelByName } from "../kernels/index.ts";
import { attrMap, type Tensor } from "../kernels/types.ts";
import { importModel } from "./import.ts";
import { MAX_KNOWN } from "./known.ts";
import type { TensorData } from "./model.ts";
import { readModel } from "./read.ts";

export const DATA = resolve(import.meta.dirname, "../../../shared/data/onnx");
export const SETS = ["node", "simple", "pytorch-converted", "pytorch-operator"];

/** Values of every graph output, computed node by node on fresh tensors. */
export function interpret(
  graph: Graph,
  constants: ReadonlyMap<string, TensorData>,
  inputs: ReadonlyMap<ValueId, Tensor>,
): Tensor[] {
  const tensors = new Map<ValueId, Tensor>(inputs);
  const get = (id: ValueId): Tensor => {
    const known = tensors.get(id);
    if (known !== undefined) return known;
    const value = graph.values[id]!;
    if (value.kind !== "constant") throw new Error(`${value.name} was never computed`);
    let bytes: Uint8Array;
    if (value.source.kind === "inline") bytes = Buffer.from(value.source.base64, "base64");
    else {
      const data = constants.get(value.source.name);
      if (data === undefined || data.source.kind === "strings") throw new Error(`no constant ${value.source.name}`);
      bytes = data.source.bytes();
    }
    const tensor = tensorFromBytes(value.dtype, value.shape, bytes);
    tensors.set(id, tensor);
    return tensor;
  };
  for (const node of graph.nodes) {
    if (node.view !== null) {
      const base = get(node.inputs[0]!);
      const { dtype, shape } = graph.values[node.outputs[0]!]!;
      tensors.set(node.outputs[0]!, {
        dtype,
        shape,
        data: storageOn(dtype, base.data.buffer, base.data.byteOffset + node.view, sizeOf(shape)),
      });
      continue;
    }
    const kernel = kernelByName(node.op);
    if (kernel === undefined || node.opaque) throw missingKernel(node.op, node.name);
    const outputs = node.outputs.map((id) =>
      id === null ? null : makeTensor(graph.values[id]!.dtype, graph.values[id]!.shape),
    );
    const scratch = node.scratch.map((type) => makeTensor(type.dtype, type.shape));
    kernel({
      inputs: node.inputs.map((id) => (id === null ? null : get(id))),
      outputs: [...outputs, ...scratch],
      attrs: attrMap(node.attrs),
    });
    node.outputs.forEach((id, i) => {
      if (id !== null) tensors.set(id, outputs[i]!);
    });
  }
  return graph.outputs.map(get);
}

export interface CaseResults {
  readonly passed: string[];
  readonly refused: { name: string; message: string }[];
  readonly failed: { name: string; message: string }[];
}

async function runCase(testCase: TestCase): Promise<void> {
  const model = await readModel(testCase.model);
  for (const dataSet of testCase.dataSets) {
    const given = await readTensors(dataSet, "input");
    const expected = await readTensors(dataSet, "output");
    const byName = new Map(
      model.graph.inputs.flatMap((input, i): [string, Tensor][] => (given[i] ? [[input.name, given[i]]] : [])),
    );
    const { graph, constants } = importModel(model, {
      shapes: new Map([...byName].map(([name, tensor]) => [name, tensor.shape])),
      bind: new Map([...byName].filter(([, tensor]) => sizeOf(tensor.shape) <= MAX_KNOWN)),
    });
    const inputs = new Map(graph.inputs.map((id) => [id, byName.get(graph.values[id]!.name)!]));
    const outputs = interpret(graph, constants, inputs);
    outputs.forEach((output, i) => {
      const wanted = expected[i];
      if (!wanted) return;
      const difference = compareTensors(model.graph.outputs[i]!.name, output, wanted, toleranceOf(testCase.name));
      if (difference !== undefined) throw new Error(difference.message);
    });
  }
}

/** Runs the cases of all sets whose names match; empty where the data is absent. */
export async function runCases(filter: RegExp, sets: readonly string[] = SETS): Promise<CaseResults> {
  const results: CaseResults = { passed: [], refused: [], failed: [] };
  for (const set of sets) {
    const folder = join(DATA, set);
    if (!existsSync(folder)) continue;
    for (const testCase of findCases(folder)) {
      if (!filter.test(testCase.name)) continue;
      try {
        await runCase(testCase);
        results.passed.push(testCase.name);
      } catch (error) {
        const refused = error instanceof InputError || error instanceof InfeasibleError;
        const message = refused
          ? `${error.code}: ${error.message} (${error.where ?? ""})`
          : error instanceof Error
            ? `${error.message} ${error.name === "Error" ? "" : (error.stack ?? "").split("\n").slice(1, 3).join(" ")}`
            : String(error);
        (refused ? results.refused : results.failed).push({ name: testCase.name, message });
      }
    }
  }
  return results;
}
