/** Functions assembled into a WebAssembly module that works on somebody else's memory. */
import { TYPE_CODES, unsigned, type Code, type Local, type ValueType } from "./code.ts";

export interface WasmFunction {
  readonly name: string;
  readonly parameters: readonly ValueType[];
  readonly locals: readonly ValueType[];
  readonly body: Code;
}

/** A function whose body is written with its parameters and whatever locals it asks for; it returns nothing. */
export function defineFunction<const Types extends readonly ValueType[]>(
  name: string,
  parameters: Types,
  write: (parameters: { readonly [K in keyof Types]: Local }, local: (type: ValueType) => Local) => Code,
): WasmFunction {
  const locals: ValueType[] = [];
  const local = (type: ValueType): Local => ({ index: parameters.length + locals.push(type) - 1, type });
  const places = parameters.map((type, index): Local => ({ index, type }));
  const body = write(places as unknown as { readonly [K in keyof Types]: Local }, local); // one for each type
  return { name, parameters, locals, body };
}

const vec = (items: readonly (readonly number[])[]): number[] => [...unsigned(items.length), ...items.flat()];
const section = (id: number, content: readonly number[]): number[] => [id, ...unsigned(content.length), ...content];
const text = (value: string): number[] => {
  const bytes = [...new TextEncoder().encode(value)];
  return [...unsigned(bytes.length), ...bytes];
};

/** "\0asm", version 1. */
const MAGIC = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

/** The bytes of a module that imports `env.memory` and exports the functions by name. */
export function assemble(functions: readonly WasmFunction[]): Uint8Array<ArrayBuffer> {
  const types = functions.map(({ parameters }) => [0x60, ...vec(parameters.map((type) => [TYPE_CODES[type]])), 0]);
  const bodies = functions.map(({ locals, body }) => {
    const code = [...vec(locals.map((type) => [1, TYPE_CODES[type]])), ...body, 0x0b];
    return [...unsigned(code.length), ...code];
  });
  return Uint8Array.from([
    ...MAGIC,
    ...section(1, vec(types)),
    ...section(2, vec([[...text("env"), ...text("memory"), 2, 0, 0]])),
    ...section(3, vec(functions.map((_, i) => unsigned(i)))),
    ...section(7, vec(functions.map(({ name }, i) => [...text(name), 0, ...unsigned(i)]))),
    ...section(10, vec(bodies)),
  ]);
}
