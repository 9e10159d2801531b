/**
 * The model's functions: found by name, free of cycles, and small enough once inlined. A few hundred
 * bytes of functions that call each other twice would otherwise become millions of nodes.
 */
import { duplicateName, functionCycle } from "../errors.ts";
import { overLimit, type ReadLimits } from "./limits.ts";
import type { ModelFunction, ModelNode } from "./model.ts";

type Functions = ReadonlyMap<string, ModelFunction>;

/** `${domain}::${name}`, and `::${overload}` where there is one. */
export const functionKey = (domain: string, name: string, overload: string): string =>
  overload === "" ? `${domain}::${name}` : `${domain}::${name}::${overload}`;

/** Throws InputError `duplicate-name`. */
export function functionTable(functions: readonly ModelFunction[]): Functions {
  const table = new Map<string, ModelFunction>();
  for (const body of functions) {
    const key = functionKey(body.domain, body.name, body.overload);
    if (table.has(key)) throw duplicateName("function", key);
    table.set(key, body);
  }
  return table;
}

/** All nodes of a body with those of its subgraphs. */
function* allNodes(nodes: readonly ModelNode[]): Generator<ModelNode> {
  for (const node of nodes) {
    yield node;
    for (const attribute of node.attributes.values())
      if (attribute.kind === "graph") yield* allNodes(attribute.value.nodes);
  }
}

const calleeOf = (node: ModelNode, functions: Functions): string | undefined => {
  const key = functionKey(node.domain, node.op, node.overload);
  if (functions.has(key)) return key;
  const plain = functionKey(node.domain, node.op, "");
  return functions.has(plain) ? plain : undefined;
};

interface Calls {
  readonly own: number;
  readonly callees: readonly string[];
}

function callsOf(nodes: readonly ModelNode[], functions: Functions): Calls {
  let own = 0;
  const callees: string[] = [];
  for (const node of allNodes(nodes)) {
    const callee = calleeOf(node, functions);
    if (callee === undefined) own++;
    else callees.push(callee);
  }
  return { own, callees };
}

/** Of a function with all it calls inlined. Counts saturate at infinity. */
interface Inlined {
  readonly nodes: number;
  readonly depth: number;
}

const inline = ({ own, callees }: Calls, done: ReadonlyMap<string, Inlined>): Inlined => {
  let nodes = own;
  let depth = 0;
  for (const callee of callees) {
    nodes += done.get(callee)?.nodes ?? 0;
    depth = Math.max(depth, 1 + (done.get(callee)?.depth ?? 0));
  }
  return { nodes, depth };
};

/**
 * Throws InputError: `function-cycle`, or `limit-exceeded` where `main` would pass the limits on
 * nodes or on the depth of functions when everything is inlined.
 */
export function checkFunctions(
  functions: Functions,
  main: readonly ModelNode[],
  limits: ReadLimits,
  where: string,
): void {
  const calls = new Map([...functions].map(([key, body]): [string, Calls] => [key, callsOf(body.nodes, functions)]));
  const done = new Map<string, Inlined>();
  const open = new Set<string>();
  for (const first of functions.keys()) {
    if (done.has(first)) continue;
    const path = [{ key: first, next: 0 }];
    open.add(first);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const { own, callees } = calls.get(top.key) ?? { own: 0, callees: [] };
      const callee = callees[top.next++];
      if (callee === undefined) {
        done.set(top.key, inline({ own, callees }, done));
        open.delete(top.key);
        path.pop();
      } else if (open.has(callee)) {
        const cycle = path.slice(path.findIndex((step) => step.key === callee)).map((step) => step.key);
        throw functionCycle([...cycle, callee]);
      } else if (!done.has(callee)) {
        open.add(callee);
        path.push({ key: callee, next: 0 });
      }
    }
  }
  const { nodes, depth } = inline(callsOf(main, functions), done);
  if (depth > limits.functionDepth) throw overLimit(limits, "functionDepth", where);
  if (nodes > limits.nodes) throw overLimit(limits, "nodes", where);
}
