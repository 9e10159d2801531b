/** Attention of ONNX (opsets 23 to 25): masks, causal and sliding windows, key-value caches. */
import { broadcastStrides, reader, tensorOf, writer } from "./access.ts";
import { attend, copyRows, headRows, type AttentionCall, type RowPlace } from "./attention-core.ts";
import type { DType } from "../ir/dtype.ts";
import type { Kernel, KernelTable, Tensor } from "./types.ts";

const STAGES = ["raw", "capped", "biased", "weights"] as const;

/**
 * Adds a mask that broadcasts to (batch, head, query, key). Keys past the mask's last dim are kept
 * out, unless that dim is 1 and `repeats`.
 */
export function maskAdder(
  mask: Tensor,
  dims: readonly [number, number, number],
  repeats: boolean,
): (place: RowPlace, bias: Float64Array) => void {
  const length = mask.shape.at(-1)!;
  const strides = broadcastStrides(mask.shape, [...dims, length]);
  const read = reader(mask);
  const isBool = mask.dtype === "bool";
  const isRepeated = repeats && length === 1;
  return ({ batch, head, query }, bias) => {
    const from = batch * strides[0]! + head * strides[1]! + query * strides[2]!;
    for (let j = 0; j < bias.length; j++) {
      if (j >= length && !isRepeated) bias[j] = -Infinity;
      else if (!isBool) bias[j] = bias[j]! + read(from + (isRepeated ? 0 : j));
      else if (read(from + (isRepeated ? 0 : j)) === 0) bias[j] = -Infinity;
    }
  };
}

/** Rounds to the precision of the softmax, where that is coarser than double. */
const roundTo = (dtype: DType): ((x: number) => number) => {
  if (dtype === "float64") return (x) => x;
  if (dtype === "float32") return Math.fround;
  const cell = tensorOf(dtype, [1], [0]);
  const [read, write] = [reader(cell), writer(cell)];
  return (x) => {
    write(0, x);
    return read(0);
  };
};

const attention: Kernel = ({ inputs, outputs, attrs }) => {
  const [q, k, v, mask, pastKey, pastValue, lengths] = inputs;
  const [y, presentKey, presentValue, weights] = outputs;
  const heads = Number(attrs.get("heads"));
  const kvHeads = Number(attrs.get("kvHeads"));
  const [size, valueSize] = [Number(attrs.get("size")), Number(attrs.get("valueSize"))];
  const keys = [...(pastKey ? [headRows(pastKey, kvHeads)] : []), headRows(k!, kvHeads)];
  const values = [...(pastValue ? [headRows(pastValue, kvHeads)] : []), headRows(v!, kvHeads)];
  const batches = q!.shape[0]!;
  if (presentKey) copyRows(keys, size, batches, kvHeads, headRows(presentKey, kvHeads));
  if (presentValue) copyRows(values, valueSize, batches, kvHeads, headRows(presentValue, kvHeads));

  const query = headRows(q!, heads);
  const past = pastKey ? pastKey.shape[2]! : 0;
  const readLength = lengths ? reader(lengths) : undefined;
  const isCausal = attrs.get("causal") === 1;
  const [left, right] = [Number(attrs.get("left")), Number(attrs.get("right"))];
  const addMask = mask ? maskAdder(mask, [batches, heads, query.length], attrs.get("repeatMask") === 1) : undefined;
  const bias = (place: RowPlace, row: Float64Array): void => {
    addMask?.(place, row);
    const valid = readLength?.(place.batch) ?? row.length;
    // Position of this query among the keys.
    const position = place.query + (pastKey || readLength === undefined ? past : valid - query.length);
    for (let j = 0; j < row.length; j++)
      if (
        j >= valid ||
        (isCausal && j > position) ||
        (left >= 0 && j < position - left) ||
        (right >= 0 && j > position + right)
      )
        row[j] = -Infinity;
  };

  const count = keys.reduce((sum, piece) => sum + piece.length, 0);
  const precision = String(attrs.get("precision") ?? "");
  const putWeight = weights ? writer(weights) : undefined;
  const call: AttentionCall = {
    batches,
    heads,
    group: heads / kvHeads,
    size,
    valueSize,
    query,
    keys,
    values,
    output: headRows(y!, heads),
    scale: Number(attrs.get("scale")),
    softcap: Number(attrs.get("softcap")),
    bias,
    ...(precision !== "" && { round: roundTo(precision as DType) }),
    ...(putWeight && {
      watch: {
        stage: STAGES[Number(attrs.get("mode"))]!,
        put: (place, j, value) =>
          putWeight(((place.batch * heads + place.head) * query.length + place.query) * count + j, value),
      },
    }),
  };
  attend(call, outputs.at(-1)!.data as Float64Array);
};

export const attentionKernels: KernelTable = { Attention: attention };
