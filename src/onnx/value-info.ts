/** ValueInfoProto -> ValueInfo: the declared type of a value, with dims that may be names or unknown. */
import { quote, unsupportedType } from "../errors.ts";
import { dtypeFromOnnx, type DType } from "../ir/dtype.ts";
import { present, type RawShape, type RawType, type RawValue } from "./decoders/types.ts";
import { exactInt } from "./int64.ts";
import { overLimit, type ReadLimits } from "./limits.ts";
import type { DeclaredDim, ValueInfo } from "./model.ts";

/** Names that exporters give to dims they know nothing of: two of them are not the same dim. */
const ANONYMOUS = new Set(["", "?", "None"]);

/** Throws InputError: `unsupported-type` for an element type that ONNX does not define, `limit-exceeded`. */
export function valueInfo(raw: RawValue, limits: ReadLimits): ValueInfo {
  const name = raw.name ?? "";
  const type = raw.type ?? undefined;
  const kind = kindOf(type);
  const tensor = kind === "sparse-tensor" ? type?.sparseTensorType : type?.tensorType;
  if (kind !== "tensor" && kind !== "sparse-tensor") return { name, type: kind, dtype: undefined, dims: undefined };
  const shape = tensor?.shape ?? undefined;
  return {
    name,
    type: kind,
    dtype: elementType(tensor?.elemType ?? 0, name),
    dims: shape === undefined ? undefined : declaredDims(shape, name, limits),
  };
}

function kindOf(type: RawType | undefined): ValueInfo["type"] {
  if (type === undefined) return "unknown";
  if (present(type, "tensorType")) return "tensor";
  if (present(type, "sparseTensorType")) return "sparse-tensor";
  if (present(type, "sequenceType")) return "sequence";
  if (present(type, "optionalType")) return "optional";
  return present(type, "mapType") ? "map" : "unknown";
}

function elementType(code: number, name: string): DType | undefined {
  if (code === 0) return undefined;
  const dtype = dtypeFromOnnx(code);
  if (dtype === undefined) throw unsupportedType(`element type ${code} of`, name);
  return dtype;
}

function declaredDims(shape: RawShape, name: string, limits: ReadLimits): readonly DeclaredDim[] {
  const dims = shape.dim ?? [];
  if (dims.length > limits.rank) throw overLimit(limits, "rank", `value ${quote(name)}`);
  return dims.map((dim) => {
    if (present(dim, "dimParam") && !ANONYMOUS.has(dim.dimParam ?? "")) return dim.dimParam ?? null;
    if (!present(dim, "dimValue")) return null;
    const size = exactInt(dim.dimValue ?? 0);
    // Older exporters write -1 for a dim that they don't know.
    if (size !== undefined && size < 0) return null;
    if (size === undefined || size > limits.dim) throw overLimit(limits, "dim", `value ${quote(name)}`);
    return size;
  });
}
