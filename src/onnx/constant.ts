/** The Constant operator: its tensor out of whichever attribute holds it. */
import { unsupportedForm, invalidNode } from "../errors.ts";
import type { DType } from "../ir/dtype.ts";
import { bytesOf, tensorOf } from "../kernels/access.ts";
import type { AttributeValue, TensorData } from "./model.ts";

const small = (dtype: DType, shape: readonly number[], values: readonly number[]): TensorData => {
  const bytes = bytesOf(tensorOf(dtype, shape, values));
  return { name: "", dtype, shape, byteLength: bytes.byteLength, source: { kind: "inline", bytes: () => bytes } };
};

/** Throws InputError where the node has no value, or one that is no dense tensor. */
export function constantAttribute(attributes: ReadonlyMap<string, AttributeValue>, node: string): TensorData {
  for (const [name, attribute] of attributes) {
    switch (attribute.kind) {
      case "tensor":
        return attribute.value;
      case "float":
        return small("float32", [], [attribute.value]);
      case "floats":
        return small("float32", [attribute.value.length], attribute.value);
      case "int":
        return small("int64", [], [attribute.value]);
      case "ints":
        return small("int64", [attribute.value.length], attribute.value);
      case "string":
      case "strings":
      case "graph":
      case "reference":
      case "other":
        throw unsupportedForm(
          node,
          "Constant",
          `a constant of attribute '${name}' (${attribute.kind}) is no dense tensor`,
        );
      default:
        attribute satisfies never;
    }
  }
  throw invalidNode(node, "Constant", "has no value");
}
