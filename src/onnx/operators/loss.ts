/** Classification losses: shapes and attributes. */
import { isFloat } from "../../ir/dtype.ts";
import { sizeOf } from "../../kernels/access.ts";
import { sameShape } from "./elementwise.ts";
import type { Meaning, OpContext, OperatorTable } from "./types.ts";

function loss(n: OpContext, withLogs: boolean): Meaning {
  const { dtype, shape } = n.input(0);
  const target = n.input(1).shape;
  if (!isFloat(dtype) || shape.length < 2)
    n.invalid(`scores must be floating-point of rank 2 or more, got ${dtype} of rank ${shape.length}`);
  const positions = [shape[0]!, ...shape.slice(2)];
  if (!sameShape(target, positions))
    n.invalid(`labels of shape [${target.join(",")}] for scores of [${shape.join(",")}]`);
  if (n.hasInput(2) && sizeOf(n.input(2).shape) !== shape[1]) n.invalid(`there must be ${shape[1]} class weights`);
  const reduction = n.string("reduction", "mean");
  if (!["none", "mean", "sum"].includes(reduction)) n.invalid(`reduction '${reduction}' is not known`);
  const ignore = n.intOrUndefined("ignore_index");
  const outputs = [{ dtype, shape: reduction === "none" ? positions : [] }];
  return {
    outputs: withLogs ? [...outputs, { dtype, shape }] : outputs,
    attrs: { reduction, ignore: ignore === undefined ? "" : String(ignore) },
    flops: (withLogs ? 5 : 1) * sizeOf(shape),
    ...(withLogs ? { scratch: [{ dtype: "float64" as const, shape: [sizeOf(positions)] }] } : {}),
  };
}

export const lossOperators: OperatorTable = {
  NegativeLogLikelihoodLoss: (n) => loss(n, false),
  SoftmaxCrossEntropyLoss: (n) => loss(n, true),
};
