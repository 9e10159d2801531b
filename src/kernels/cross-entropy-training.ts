/**
 * Softmax cross entropy as com.microsoft's training graphs have it: the loss with the ignored label
 * as an operand, and its gradient. Scores are (batch, class, ...), labels (batch, ...).
 */
import { badData } from "../errors.ts";
import { bigReader, reader, sizeOf, writer } from "./access.ts";
import type { Kernel, KernelCall, KernelTable, Tensor } from "./types.ts";

interface Labels {
  readonly at: (i: number) => number;
  /** Weight of the label at `i`: 0 where it is ignored. */
  readonly weight: (i: number) => number;
}

/** Reads labels and their weights; a label outside the classes that is not the ignored one is bad data. */
function labelsOf(
  { attrs }: KernelCall,
  labels: Tensor,
  weights: Tensor | null | undefined,
  ignored: Tensor | null | undefined,
  classes: number,
): Labels {
  const read = bigReader(labels);
  const readWeight = weights ? reader(weights) : undefined;
  const given = attrs.get("ignoreIndex");
  const skip = ignored ? Number(bigReader(ignored)(0)) : typeof given === "number" ? given : undefined;
  const at = (i: number): number => Number(read(i));
  return {
    at,
    weight(i) {
      const label = at(i);
      if (label === skip) return 0;
      if (label < 0 || label >= classes)
        throw badData("SoftmaxCrossEntropyLoss", `label ${label} is outside the ${classes} classes`);
      return readWeight?.(label) ?? 1;
    },
  };
}

/** Operands: scores, labels, weights, ignored label; results: loss, log probabilities. */
const loss: Kernel = (call) => {
  const [scores, labels, weights, ignored] = call.inputs;
  const [y, logs] = call.outputs;
  const [batch, classes] = scores!.shape as [number, number];
  const inner = sizeOf(scores!.shape.slice(2));
  const read = reader(scores!);
  const label = labelsOf(call, labels!, weights, ignored, classes);
  const [write, writeLog] = [y ? writer(y) : undefined, logs ? writer(logs) : undefined];
  const reduction = String(call.attrs.get("reduction"));
  let [sum, total] = [0, 0];
  for (let n = 0; n < batch; n++)
    for (let i = 0; i < inner; i++) {
      const at = (c: number): number => (n * classes + c) * inner + i;
      let top = -Infinity;
      for (let c = 0; c < classes; c++) top = Math.max(top, read(at(c)));
      let exponentials = 0;
      for (let c = 0; c < classes; c++) exponentials += Math.exp(read(at(c)) - top);
      const logSum = top + Math.log(exponentials);
      if (writeLog) for (let c = 0; c < classes; c++) writeLog(at(c), read(at(c)) - logSum);
      const weight = label.weight(n * inner + i);
      const own = weight === 0 ? 0 : weight * (logSum - read(at(label.at(n * inner + i))));
      if (reduction === "none") write?.(n * inner + i, own);
      sum += own;
      total += weight;
    }
  if (reduction !== "none") write?.(0, reduction === "sum" ? sum : sum / total);
};

/** Operands: dY, log probabilities, labels, weights, ignored label, and what is added to the result. */
const gradient: Kernel = (call) => {
  const [dy, logs, labels, weights, ignored, added] = call.inputs;
  const [batch, classes] = logs!.shape as [number, number];
  const inner = sizeOf(logs!.shape.slice(2));
  const [readDy, readLog] = [reader(dy!), reader(logs!)];
  const readAdded = added ? reader(added) : undefined;
  const label = labelsOf(call, labels!, weights, ignored, classes);
  const write = writer(call.outputs[0]!);
  const reduction = String(call.attrs.get("reduction"));
  let total = 0;
  for (let i = 0; i < batch * inner; i++) total += label.weight(i);
  // A batch whose labels are all ignored has no gradient.
  const share = reduction === "mean" ? (total === 0 ? 0 : 1 / total) : 1;
  for (let n = 0; n < batch; n++)
    for (let i = 0; i < inner; i++) {
      const place = n * inner + i;
      const factor = label.weight(place) * share * readDy(reduction === "none" ? place : 0);
      for (let c = 0; c < classes; c++) {
        const at = (n * classes + c) * inner + i;
        const slope = factor === 0 ? 0 : factor * (Math.exp(readLog(at)) - (c === label.at(place) ? 1 : 0));
        write(at, slope + (readAdded?.(at) ?? 0));
      }
    }
};

export const crossEntropyTrainingKernels: KernelTable = {
  SoftmaxCrossEntropyLossGrad: gradient,
  SoftmaxCrossEntropyLossInternal: loss,
};
