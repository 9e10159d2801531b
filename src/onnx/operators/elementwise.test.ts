import { describe, expect, it } from "vitest";
import type { DType } from "../../ir/dtype.ts";
import type { TensorType } from "../../ir/types.ts";
import { tensorOf } from "../../kernels/access.ts";
import { kernelByName } from "../../kernels/index.ts";
import type { Tensor } from "../../kernels/types.ts";
import { opContext } from "../context.ts";
import type { AttributeValue } from "../model.ts";
import { activationOperators } from "./activations.ts";
import { binaryOperators } from "./binary.ts";
import { castOperators } from "./cast.ts";
import { contribElementwise } from "./contrib-elementwise.ts";
import { logicalOperators } from "./logical.ts";
import { quantizeOperators } from "./quantize.ts";
import { randomOperators } from "./random.ts";
import type { Meaning, OperatorTable } from "./types.ts";
import { unaryOperators } from "./unary.ts";
import { variadicOperators } from "./variadic.ts";

const STANDARD: OperatorTable = {
  ...activationOperators,
  ...binaryOperators,
  ...castOperators,
  ...logicalOperators,
  ...quantizeOperators,
  ...randomOperators,
  ...unaryOperators,
  ...variadicOperators,
};

type Attributes = Readonly<Record<string, number | string | readonly number[]>>;

const attribute = (value: Attributes[string], float: boolean): AttributeValue => {
  if (typeof value === "string") return { kind: "string", value };
  if (typeof value === "number") return { kind: float ? "float" : "int", value };
  return { kind: "floats", value };
};

/** Attributes of ONNX that are floats even where they are whole. */
const FLOAT_ATTRIBUTES = new Set(["alpha", "beta", "gamma", "min", "max", "bias", "lambd", "scale", "ratio"]);

interface Node {
  readonly version?: number;
  readonly attributes?: Attributes;
  readonly outputs?: readonly string[];
  readonly known?: readonly (Tensor | undefined)[];
  readonly table?: OperatorTable;
}

const t = (dtype: DType, ...shape: number[]): TensorType => ({ dtype, shape });

const mean = (op: string, inputs: readonly (TensorType | null)[], node: Node = {}): Meaning => {
  const rule = (node.table ?? STANDARD)[op];
  if (rule === undefined) throw new Error(`no rule of ${op}`);
  const attributes = Object.entries(node.attributes ?? {});
  return rule(
    opContext({
      node: "n",
      op,
      version: node.version ?? 25,
      inputs,
      outputs: node.outputs ?? ["y"],
      attributes: new Map(attributes.map(([name, value]) => [name, attribute(value, FLOAT_ATTRIBUTES.has(name))])),
      known: (i) => node.known?.[i],
      declared: () => undefined,
    }),
  );
};

describe("every rule", () => {
  it("has a kernel of its name, save for views, casts and what is refused", () => {
    const without = Object.keys(STANDARD).filter((op) => kernelByName(op) === undefined);
    const random = Object.keys(randomOperators).filter((op) => op !== "Dropout");
    expect(without.sort()).toEqual(["BitCast", "CastLike", "Identity", ...random].sort());
  });

  it("refuses what its operator does not take", () => {
    expect(() => mean("Exp", [t("int32", 2)])).toThrow(/must not be int32/);
    expect(() => mean("Add", [t("float32", 2), t("float64", 2)])).toThrow(/one dtype/);
    expect(() => mean("Add", [t("float32", 2)])).toThrow(/operand 1 is missing/);
    expect(() => mean("Add", [t("float32", 2), t("float32", 3)])).toThrow(/broadcast/);
    expect(() => mean("Relu", [t("float32", 2), t("float32", 2)])).toThrow(/at most 1/);
    expect(() => mean("Equal", [t("string", 2), t("string", 2)])).toThrow(/strings/);
    expect(() => mean("Where", [t("float32", 2), t("float32", 2), t("float32", 2)])).toThrow(/operand 0/);
    expect(() => mean("Mod", [t("float32", 2), t("float32", 2)])).toThrow(/fmod/);
    expect(() => mean("BitShift", [t("uint8", 2), t("uint8", 2)], { attributes: { direction: "UP" } })).toThrow(/LEFT/);
    expect(() => mean("Gelu", [t("float32", 2)], { attributes: { approximate: "sin" } })).toThrow(/approximate/);
    expect(() => mean("SwiGLU", [t("float32", 2), t("float32", 1)])).toThrow(/one type/);
  });
});

describe("broadcasting of two operands", () => {
  it("is NumPy's from opset 7 on, and offers the operands of the result's type for reuse", () => {
    const meaning = mean("Add", [t("float32", 4, 1), t("float32", 4, 3)]);
    expect(meaning.outputs).toEqual([t("float32", 4, 3)]);
    expect(meaning.inPlace).toEqual([1]);
    expect(mean("Less", [t("int32", 3), t("int32", 3)])).toMatchObject({ outputs: [t("bool", 3)], inPlace: [] });
    expect(mean("Where", [t("bool", 3), t("bool", 3), t("bool", 1)]).inPlace).toEqual([0, 1]);
    expect(mean("Pow", [t("float32", 3), t("int64")]).outputs).toEqual([t("float32", 3)]);
  });

  it("needs attribute broadcast before, and lines up at axis", () => {
    const [a, b] = [t("float32", 2, 3, 4, 5), t("float32", 3, 4)];
    expect(() => mean("Mul", [a, b], { version: 6 })).toThrow(/broadcast is not set/);
    const legacy = { version: 6, attributes: { broadcast: 1, axis: 1 } };
    expect(mean("Mul", [a, b], legacy)).toMatchObject({ outputs: [a], attrs: { bShape: [3, 4, 1] } });
    expect(mean("Mul", [a, t("float32", 4, 5)], { version: 6, attributes: { broadcast: 1 } }).attrs).toEqual({
      bShape: [4, 5],
    });
    expect(mean("Mul", [a, t("float32", 1, 1)], { version: 6, attributes: { broadcast: 1 } }).attrs).toEqual({
      bShape: [],
    });
    expect(mean("Mul", [a, t("float32", 2)], { version: 6, attributes: { broadcast: 1, axis: 0 } }).attrs).toEqual({
      bShape: [2, 1, 1, 1],
    });
    expect(() => mean("Mul", [a, t("float32", 5, 4)], legacy)).toThrow(/line up/);
    expect(() => mean("Mul", [b, a], { version: 6, attributes: { broadcast: 1 } })).toThrow(/line up/);
  });

  it("spreads PRelu's slope over channels before opset 7", () => {
    const x = t("float32", 2, 3, 4);
    expect(mean("PRelu", [x, t("float32", 3)], { version: 6 }).attrs).toEqual({ bShape: [3, 1] });
    expect(mean("PRelu", [x, t("float32", 1)], { version: 6 }).attrs).toEqual({ bShape: [] });
    expect(() => mean("PRelu", [x, t("float32", 4)], { version: 6 })).toThrow(/one a channel/);
    expect(mean("PRelu", [x, t("float32", 4)]).outputs).toEqual([x]);
    expect(() => mean("PRelu", [t("float32", 1), t("float32", 4)])).toThrow(/does not broadcast/);
  });
});

describe("variadic rules", () => {
  it("broadcast from opset 8 on; one operand is itself", () => {
    const operands = [t("float32", 3, 1), t("float32", 4), t("float32", 3, 4)];
    expect(mean("Sum", operands)).toMatchObject({ outputs: [t("float32", 3, 4)], inPlace: [2], flops: 24 });
    expect(() => mean("Sum", operands, { version: 7 })).toThrow(/one shape/);
    expect(mean("Max", [t("int64", 3)])).toMatchObject({ outputs: [t("int64", 3)], view: 0 });
    expect(() => mean("Mean", [t("int64", 3)])).toThrow(/int64/);
    expect(() => mean("Max", [])).toThrow(/missing/);
  });
});

describe("Clip", () => {
  it("has bounds in attributes, with defaults of their opset, or in operands", () => {
    expect(mean("Clip", [t("float32", 3)], { version: 1 }).attrs).toEqual({ max: "inf", min: "-inf" });
    expect(mean("Clip", [t("float32", 3)], { version: 6, attributes: { min: 0 } }).attrs).toEqual({
      max: 3.4028234663852886e38,
      min: 0,
    });
    expect(mean("Clip", [t("float32", 3), null, t("float32")])).toMatchObject({ reads: [0, 1, 2] });
    expect(() => mean("Clip", [t("float32", 3), t("float32", 3)])).toThrow(/scalar/);
    expect(() => mean("Clip", [t("float32", 3), t("int32")])).toThrow(/float32/);
  });
});

describe("Cast", () => {
  it("reads its target from the attribute of the opset, or from an operand", () => {
    const old = mean("Cast", [t("float32", 3)], { version: 1, attributes: { to: "INT64" } });
    expect(old.outputs).toEqual([t("int64", 3)]);
    const cast = mean("Cast", [t("float32", 3)], { attributes: { to: 6 } });
    expect(cast).toMatchObject({ outputs: [t("int32", 3)], kernel: "Cast", inPlace: [0] });
    expect(cast.attrs).toEqual({ round_mode: "up", saturate: true });
    expect(mean("CastLike", [t("float32", 3), t("float8e5m2", 7)], { attributes: { saturate: 0 } })).toMatchObject({
      outputs: [t("float8e5m2", 3)],
      reads: [0],
      attrs: { saturate: false },
      inPlace: [],
    });
    expect(mean("Cast", [t("int8", 3)], { attributes: { to: 3 } }).view).toBe(0);
  });

  it("refuses strings, complex numbers and unknown types", () => {
    expect(() => mean("Cast", [t("float32", 3)], { attributes: { to: 8 } })).toThrow(/strings/);
    expect(() => mean("Cast", [t("complex64", 3)], { attributes: { to: 1 } })).toThrow(/cannot cast/);
    expect(() => mean("Cast", [t("float32", 3)], { attributes: { to: 99 } })).toThrow(/no element type/);
    expect(() => mean("Cast", [t("float32", 3)], { attributes: { to: 24, round_mode: "odd" } })).toThrow(/round_mode/);
  });

  it("is a view where only the type's name changes", () => {
    expect(mean("BitCast", [t("float32", 3)], { attributes: { to: 6 } })).toEqual({
      outputs: [t("int32", 3)],
      view: 0,
    });
    expect(mean("BitCast", [t("uint8", 3)], { attributes: { to: 9 } }).kernel).toBe("BitCastToBool");
    expect(() => mean("BitCast", [t("float32", 3)], { attributes: { to: 7 } })).toThrow(/equally wide/);
  });
});

const quantizeAttrs =
  (x: TensorType) =>
  (scale: TensorType, attributes: Attributes = {}): unknown =>
    mean("QuantizeLinear", [x, scale], { attributes }).attrs;

describe("quantisation rules", () => {
  const x = t("float32", 2, 6, 4);

  it("tell how scales spread", () => {
    const attrs = quantizeAttrs(x);
    expect(attrs(t("float32"))).toMatchObject({ axis: -1, precision: "float32", saturate: true });
    expect(attrs(t("float32", 6))).toMatchObject({ axis: 1, blockSize: 0 });
    expect(attrs(t("float32", 4), { axis: -1 })).toMatchObject({ axis: 2, blockSize: 0 });
    expect(attrs(t("float32", 2, 2, 4), { block_size: 4 })).toMatchObject({ axis: 1, blockSize: 4 });
    expect(attrs(t("float16"), { precision: 1 })).toMatchObject({ precision: "float32" });
    expect(() => attrs(t("float32", 5))).toThrow(/shape \[6\]/);
    expect(() => attrs(t("float32", 2, 3, 4), { block_size: 4 })).toThrow(/blocks/);
  });

  it("take the result's type from the zero point, output_dtype or the scale", () => {
    const dtype = (inputs: readonly TensorType[], attributes: Attributes = {}): DType | undefined =>
      mean("QuantizeLinear", inputs, { attributes }).outputs[0]?.dtype;
    expect(dtype([x, t("float32")])).toBe("uint8");
    expect(dtype([x, t("float32")], { output_dtype: 22 })).toBe("int4");
    expect(dtype([x, t("float32"), t("float8e5m2")])).toBe("float8e5m2");
    expect(() => dtype([x, t("float32"), t("int8")], { output_dtype: 2 })).toThrow(/output_dtype/);
    expect(() => dtype([x, t("float32"), t("int8", 6)])).toThrow(/zero point/);
    const q = t("int8", 2, 6, 4);
    expect(mean("DequantizeLinear", [q, t("float16")]).outputs).toEqual([t("float16", 2, 6, 4)]);
    expect(mean("DequantizeLinear", [q, t("float8e8m0")], { attributes: { output_dtype: 16 } }).outputs[0]?.dtype).toBe(
      "bfloat16",
    );
    expect(() => mean("DequantizeLinear", [q, t("float32"), t("uint8")])).toThrow(/int8/);
    expect(mean("DynamicQuantizeLinear", [x]).outputs).toEqual([t("uint8", 2, 6, 4), t("float32"), t("uint8")]);
  });
});

describe("Dropout and random operators", () => {
  const x = t("float32", 3);

  it("is a view in inference, and fills a mask where one is wanted", () => {
    expect(mean("Dropout", [x], { version: 7 })).toMatchObject({ view: 0, reads: [0] });
    const masked = mean("Dropout", [x, null, null], { outputs: ["y", "mask"] });
    expect(masked).toMatchObject({ outputs: [x, t("bool", 3)], reads: [0] });
    expect(mean("Dropout", [x], { version: 7, outputs: ["y", "mask"] }).outputs[1]?.dtype).toBe("float32");
    expect(mean("Dropout", [x], { version: 6, attributes: { is_test: 1 } }).view).toBe(0);
  });

  it("is refused where it draws", () => {
    const training = tensorOf("bool", [], [1]);
    const operands = [x, t("float32"), t("bool")];
    expect(() => mean("Dropout", [x], { version: 6 })).toThrow(/random numbers/);
    expect(() => mean("Dropout", operands)).toThrow(/run time/);
    expect(() => mean("Dropout", operands, { known: [undefined, tensorOf("float32", [], [0.5]), training] })).toThrow(
      /draws/,
    );
    expect(mean("Dropout", operands, { known: [undefined, tensorOf("float32", [], [0]), training] }).view).toBe(0);
    expect(() => mean("RandomNormal", [])).toThrow(/draws random numbers/);
  });
});

describe("com.microsoft", () => {
  const table = contribElementwise;
  const x = t("float32", 2, 3);

  it("maps its activations to kernels that exist", () => {
    const bias = t("float32", 3);
    const nodes: readonly (readonly [string, readonly TensorType[], string])[] = [
      ["Gelu", [x], "Gelu"],
      ["FastGelu", [x], "Gelu"],
      ["FastGelu", [x, bias], "BiasGelu"],
      ["BiasGelu", [x, bias], "BiasGelu"],
      ["QuickGelu", [x], "Swish"],
      ["GeluGrad", [x, x], "GeluGrad"],
      ["FastGeluGrad", [x, x], "GeluGrad"],
      ["BiasGeluGrad_dX", [x, x, bias], "GeluGrad"],
      ["BiasFastGeluGrad_dX", [x, x, bias], "GeluGrad"],
    ];
    for (const [op, inputs, kernel] of nodes) {
      const meaning = mean(op, inputs, { version: 1, table });
      expect(meaning.outputs).toEqual([x]);
      expect(meaning.kernel ?? op).toBe(kernel);
      expect(kernelByName(kernel)).toBeDefined();
    }
    expect(mean("FastGelu", [x], { version: 1, table }).attrs).toEqual({ approximate: "tanh" });
    expect(mean("QuickGelu", [x], { version: 1, table }).attrs).toEqual({ alpha: 1.702 });
    expect(() => mean("BiasGelu", [x, t("float32", 2)], { version: 1, table })).toThrow(/bias/);
  });
});
