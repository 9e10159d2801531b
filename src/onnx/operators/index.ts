/** The operator table: rules of every operator that Strata knows, by domain and name. */
import type { OperatorRule, OperatorTable } from "./types.ts";

const TABLES: readonly { readonly domain: string; readonly tables: readonly OperatorTable[] }[] = [{ domain: "", tables: [] }];

const RULES = new Map<string, ReadonlyMap<string, OperatorRule>>(
  TABLES.map(({ domain, tables }) => [domain, new Map(tables.flatMap((table) => Object.entries(table)))]),
);

/** The rule of an operator, or undefined. `""` is ONNX's own domain. */
export const operatorRule = (domain: string, op: string): OperatorRule | undefined => RULES.get(domain)?.get(op);

export const knowsDomain = (domain: string): boolean => RULES.has(domain);

export const operatorNames = (domain: string): readonly string[] => [...(RULES.get(domain)?.keys() ?? [])].sort();
