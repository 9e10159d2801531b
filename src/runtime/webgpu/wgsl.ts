/**
 * The storage bindings of a compute shader as TensorFlow.js writes them, and their two rewrites: all
 * tensors of one arena must be bound read_write (WebGPU allows no reading and writing binding of one
 * buffer in a dispatch), and tensors that share their bytes must be one variable.
 */
const DECLARATION =
  /@group\(0\)\s*@binding\((\d+)\)\s*var<storage,\s*(read|read_write)>\s*(\w+)\s*:\s*array<([^;]*)>;/g;

export interface StorageBinding {
  readonly binding: number;
  readonly name: string;
  /** Element type without spaces, e.g. `vec4<f32>`. */
  readonly type: string;
}

/** Storage bindings in order of their numbers. */
export function storageBindings(code: string): StorageBinding[] {
  const found = [...code.matchAll(DECLARATION)].map(([, binding, , name, type]) => ({
    binding: Number(binding),
    name: name!,
    type: type!.replace(/\s/g, ""),
  }));
  return found.sort((a, b) => a.binding - b.binding);
}

export interface Rewrite {
  /** Variables that become read_write. */
  readonly writable: readonly string[];
  /** Variables that are dropped, their uses going to another of the same type. */
  readonly same: readonly { readonly name: string; readonly as: string }[];
}

/** The code with its bindings rewritten. */
export function rewriteBindings(code: string, { writable, same }: Rewrite): string {
  const dropped = new Map(same.map(({ name, as }) => [name, as]));
  let rewritten = code.replace(DECLARATION, (whole, binding, _access, name: string, type) => {
    if (dropped.has(name)) return "";
    return writable.includes(name)
      ? `@group(0) @binding(${binding}) var<storage, read_write> ${name}: array<${type}>;`
      : whole;
  });
  for (const [name, as] of dropped) rewritten = rewritten.replace(new RegExp(`\\b${name}\\s*\\[`, "g"), `${as}[`);
  return rewritten;
}
