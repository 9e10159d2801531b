/** Attributes as kernels read them; a rule has put them there, so absence is our bug. */
import { invariant } from "../errors.ts";
import type { AttrValue } from "../ir/types.ts";

type Attrs = ReadonlyMap<string, AttrValue>;

export function intsAttr(attrs: Attrs, name: string): readonly number[] {
  const value = attrs.get(name);
  invariant(Array.isArray(value), `attribute '${name}' of a kernel must be a list`);
  return value as readonly number[];
}

export function intAttr(attrs: Attrs, name: string): number {
  const value = attrs.get(name);
  invariant(typeof value === "number", `attribute '${name}' of a kernel must be a number`);
  return value;
}

export function textAttr(attrs: Attrs, name: string): string {
  const value = attrs.get(name);
  invariant(typeof value === "string", `attribute '${name}' of a kernel must be a text`);
  return value;
}

export const flagAttr = (attrs: Attrs, name: string): boolean => attrs.get(name) === true;
