/** Rules of conversion between element types. */
import { DTYPES, DTYPE_NAMES, dtypeFromOnnx, type DType } from "../../ir/dtype.ts";
import { checkOperandCount } from "./elementwise.ts";
import type { Meaning, OpContext, OperatorRule, OperatorTable } from "./types.ts";

const CASTABLE: readonly DType[] = DTYPE_NAMES.filter(
  (dtype) => DTYPES[dtype].class !== "string" && DTYPES[dtype].class !== "complex",
);

/** Names of `to` in the first Cast, whose attribute was a string. */
const FIRST_NAMES: ReadonlyMap<string, DType> = new Map([
  ["FLOAT", "float32"],
  ["UINT8", "uint8"],
  ["INT8", "int8"],
  ["UINT16", "uint16"],
  ["INT16", "int16"],
  ["INT32", "int32"],
  ["INT64", "int64"],
  ["STRING", "string"],
  ["BOOL", "bool"],
  ["FLOAT16", "float16"],
  ["DOUBLE", "float64"],
  ["UINT32", "uint32"],
  ["UINT64", "uint64"],
]);

/** The dtype that attribute `to` names. */
function target(n: OpContext): DType {
  if (n.version < 6) {
    const name = n.string("to", "");
    return FIRST_NAMES.get(name.toUpperCase()) ?? n.invalid(`attribute to names no element type: '${name}'`);
  }
  const code = n.requiredInt("to");
  return dtypeFromOnnx(code) ?? n.invalid(`attribute to is ${code}, which is no element type`);
}

function castTo(n: OpContext, to: DType): Meaning {
  const { dtype: from, shape } = n.input(0);
  for (const dtype of [from, to]) {
    if (dtype === "string") n.unsupported(`cannot cast ${from} to ${to}: strings have no kernels`);
    if (!CASTABLE.includes(dtype)) n.invalid(`cannot cast ${from} to ${to}`);
  }
  const outputs = [{ dtype: to, shape }];
  if (from === to) return { outputs, reads: [0], view: 0 };
  const rounding = n.string("round_mode", "up");
  if (!["up", "down", "nearest"].includes(rounding)) {
    n.invalid(`attribute round_mode must be up, down or nearest, got '${rounding}'`);
  }
  return {
    outputs,
    kernel: "Cast",
    reads: [0],
    attrs: { round_mode: rounding, saturate: n.int("saturate", 1) !== 0 },
    inPlace: DTYPES[from].bits === DTYPES[to].bits ? [0] : [],
  };
}

const cast: OperatorRule = (n) => {
  checkOperandCount(n, 1);
  return castTo(n, target(n));
};

const castLike: OperatorRule = (n) => {
  checkOperandCount(n, 2);
  return castTo(n, n.input(1).dtype);
};

/** The same bits under another type of the same width. */
const bitCast: OperatorRule = (n) => {
  checkOperandCount(n, 1);
  const { dtype: from, shape } = n.input(0);
  const to = target(n);
  if (from === "string" || to === "string") n.invalid("strings have no bits to cast");
  if (DTYPES[from].bits !== DTYPES[to].bits) n.invalid(`${from} and ${to} are not equally wide`);
  const outputs = [{ dtype: to, shape }];
  if (to === "bool" && from !== "bool") return { outputs, kernel: "BitCastToBool", inPlace: [0] };
  return { outputs, view: 0 };
};

export const castOperators: OperatorTable = { BitCast: bitCast, Cast: cast, CastLike: castLike };
