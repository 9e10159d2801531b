/** Classification losses: negative log likelihood, and softmax cross-entropy in one. */
import { badData } from "../errors.ts";
import { reader, sizeOf, writer } from "./access.ts";
import { textAttr } from "./attributes.ts";
import { operand } from "./elementwise.ts";
import type { Kernel, KernelCall, KernelTable } from "./types.ts";

/** Losses of all positions out of log probabilities, reduced as asked. attrs: reduction, ignore ("" for none). */
function reduceLoss(call: KernelCall, logProbability: (i: number) => number): void {
  const x = operand(call, 0);
  const target = reader(operand(call, 1));
  const weightTensor = call.inputs[2];
  const weight = weightTensor ? reader(weightTensor) : () => 1;
  const [y] = call.outputs;
  if (!y) return;
  const [batch, classes] = x.shape as [number, number];
  const inner = sizeOf(x.shape.slice(2));
  const ignore = textAttr(call.attrs, "ignore");
  const reduction = textAttr(call.attrs, "reduction");
  const write = writer(y);
  let sum = 0;
  let weights = 0;
  for (let n = 0; n < batch; n++) {
    for (let i = 0; i < inner; i++) {
      const label = target(n * inner + i);
      const skip = ignore !== "" && label === Number(ignore);
      if (!skip && !(label >= 0 && label < classes))
        throw badData("NegativeLogLikelihoodLoss", `label ${label} is outside ${classes} classes`);
      const own = skip ? 0 : weight(label);
      const loss = skip ? 0 : -own * logProbability((n * classes + label) * inner + i);
      weights += own;
      sum += loss;
      if (reduction === "none") write(n * inner + i, loss);
    }
  }
  if (reduction !== "none") write(0, reduction === "mean" ? sum / weights : sum);
}

/** Operands: log probabilities [N,C,d...], labels [N,d...], class weights. */
const nllLoss: Kernel = (call) => reduceLoss(call, reader(operand(call, 0)));

/** Operands: scores [N,C,d...], labels, class weights. Results: the loss, log probabilities. Scratch: log-sum-exp a position. */
const softmaxCrossEntropy: Kernel = (call) => {
  const x = operand(call, 0);
  const logTensor = call.outputs[1];
  const scratch = call.outputs[2]!;
  const [batch, classes] = x.shape as [number, number];
  const inner = sizeOf(x.shape.slice(2));
  const read = reader(x);
  const shift = scratch.data as Float64Array;
  const write = logTensor ? writer(logTensor) : undefined;
  for (let n = 0; n < batch; n++) {
    for (let i = 0; i < inner; i++) {
      const at = (c: number): number => (n * classes + c) * inner + i;
      let most = -Infinity;
      for (let c = 0; c < classes; c++) most = Math.max(most, read(at(c)));
      let sum = 0;
      for (let c = 0; c < classes; c++) sum += Math.exp(read(at(c)) - most);
      shift[n * inner + i] = most + Math.log(sum);
      for (let c = 0; c < classes; c++) write?.(at(c), read(at(c)) - shift[n * inner + i]!);
    }
  }
  const perImage = classes * inner;
  reduceLoss(call, (at) => read(at) - shift[Math.floor(at / perImage) * inner + (at % inner)]!);
};

export const lossKernels: KernelTable = {
  NegativeLogLikelihoodLoss: nllLoss,
  SoftmaxCrossEntropyLoss: softmaxCrossEntropy,
};
