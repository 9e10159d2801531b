/** Softmax and LogSoftmax: along one axis since opset 13, over all dims from the axis on before. */
import { isFloat } from "../../ir/dtype.ts";
import { sizeOf } from "../../kernels/access.ts";
import type { Meaning, OpContext, OperatorTable } from "./types.ts";

function softmax(n: OpContext): Meaning {
  const type = n.input(0);
  if (!isFloat(type.dtype)) n.invalid(`operand 0 must be floating-point, got ${type.dtype}`);
  const rank = type.shape.length;
  const flat = n.version < 13;
  const given = n.int("axis", flat ? 1 : -1);
  const axis = flat && given === rank ? rank : rank === 0 ? 0 : n.axis(given, rank);
  const count = flat ? sizeOf(type.shape.slice(axis)) : (type.shape[axis] ?? 1);
  const inner = flat ? 1 : sizeOf(type.shape.slice(axis + 1));
  return { outputs: [type], attrs: { axis, count, inner }, inPlace: [0], flops: 5 * sizeOf(type.shape) };
}

export const softmaxOperators: OperatorTable = { Softmax: softmax, LogSoftmax: softmax };
