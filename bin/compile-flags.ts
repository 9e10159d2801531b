/** Flags of everything that compiles: compile and estimate. */
import { readFile } from "node:fs/promises";
import type { Argv } from "yargs";
import type { MapMemoryOptions } from "../passes/map-memory/options.ts";
import type { Compiled } from "../src/compile.ts";
import { formatSeconds } from "../src/report/bytes.ts";
import { text, texts, type Flags } from "./command.ts";
import { modelFlags, modelOptions } from "./model-flags.ts";
import { byteCount, pairs, whole } from "./pairs.ts";
import { progressLine } from "./progress.ts";
import { paint } from "./style.ts";
import { stopRequested } from "./thread.ts";

export const compileOptions = (yargs: Argv): Argv =>
  modelOptions(yargs)
    .option("target", {
      type: "string",
      default: "tfjs-wasm",
      describe: "machine to plan for: a name (strata targets) or a JSON file",
    })
    .option("capacity", { type: "string", array: true, describe: "size of a memory: MEM=BYTES (or 512KiB, 40GB)" })
    .option("pin", { type: "string", array: true, describe: "fixed place of a value: NAME=MEM+OFFSET" })
    .option("without", {
      type: "string",
      array: true,
      describe: "leave a pass out that is optional (strata passes)",
    })
    .option("pass", {
      type: "string",
      array: true,
      describe: "also run a pass, with options: map-memory or map-memory:budget=N,preset=fast",
    })
    .option("half", {
      type: "string",
      choices: ["weights", "all"],
      describe: "store float32 as float16 on GPU targets: the weights, or all",
    })
    .option("seed", { type: "string", default: "0", describe: "seed of the searches" })
    .option("budget", { type: "string", describe: "steps that the searches may take" });

/** Reads and compiles the model that the flags name; warnings go to stderr. */
export async function compileFromFlags(path: string, flags: Flags): Promise<Compiled> {
  const { compile } = await import("../src/compile.ts");
  const { readModel } = await import("../src/onnx/read.ts");
  const { passByName } = await import("../passes/registry.ts");
  const { invalidFlag } = await import("../src/errors.ts");
  const { tensorOf } = await import("../src/kernels/access.ts");
  const { readBytes } = await import("./files.ts");
  const { dims, shapes, bind } = modelFlags(flags);
  const externalData = text(flags, "external-data");
  const options = {
    decoder: text(flags, "decoder") === "onnx-proto" ? ("onnx-proto" as const) : ("protobufjs" as const),
    ...(externalData === undefined ? {} : { externalData }),
  };
  const model = await readModel(path === "-" ? await readBytes("-", 2 ** 31) : path, options);
  const inputs = new Map(model.graph.inputs.map((input) => [input.name, input]));
  const bound = [...bind].map(([name, values]) => {
    const input = inputs.get(name);
    if (input?.dtype === undefined) throw invalidFlag("--bind", name, "the model has no input of this name");
    const shape = (input.dims ?? []).length === 0 ? [] : [values.length];
    return [name, tensorOf(input.dtype, shape, values)] as const;
  });
  const budget = text(flags, "budget");
  const mapMemory = await mapMemoryFromFlags(flags);
  const line = progressLine();
  const compiled = await compile(model, {
    dims,
    shapes: new Map([
      ...bound.filter(([name]) => !shapes.has(name)).map(([name, tensor]) => [name, tensor.shape] as const),
      ...shapes,
    ]),
    bind: new Map(bound),
    target: await targetFromFlags(flags),
    pins: pinsOf(flags, invalidFlag),
    without: new Set(
      texts(flags, "without").map((name) => {
        const pass = passByName(name);
        if (!pass.optional) throw invalidFlag("--without", name, "no plan can be made without this pass");
        if (pass.onRequest === true)
          throw invalidFlag("--without", name, "this pass runs only where --pass asks for it");
        return pass.name;
      }),
    ),
    half: text(flags, "half") as "weights" | "all" | undefined,
    seed: whole("--seed", String(flags["seed"])),
    ...(budget === undefined ? {} : { budget: whole("--budget", budget) }),
    ...(mapMemory === undefined
      ? {}
      : {
          mapMemory: {
            ...mapMemory,
            shouldStop: stopRequested,
            onProgress: ({ method, seconds, bound, evaluations, budget: all }) =>
              line.update(
                `map-memory ${method}: ${formatSeconds(seconds)}, bound ${formatSeconds(bound)}, ${evaluations} of ${all} evaluations`,
              ),
          },
        }),
  });
  line.done();
  for (const { severity, code, message, where } of compiled.diagnostics)
    process.stderr.write(
      `${paint.warning(`${severity}[${code}]`)}: ${message}${where === undefined ? "" : ` (${where})`}\n`,
    );
  return compiled;
}

/** Options of map-memory where --pass asks for it; refuses passes and options that are not there. */
async function mapMemoryFromFlags(flags: Flags): Promise<MapMemoryOptions | undefined> {
  const { passByName } = await import("../passes/registry.ts");
  const { parseMapMemoryOptions } = await import("../passes/map-memory/options.ts");
  const { invalidFlag } = await import("../src/errors.ts");
  let found: MapMemoryOptions | undefined;
  for (const item of texts(flags, "pass")) {
    const [name = "", options] = item.split(/:(.*)/s);
    const pass = passByName(name);
    if (pass.name === "map-memory")
      found = parseMapMemoryOptions(
        Object.fromEntries(pairs("--pass", options === undefined || options === "" ? [] : options.split(","))),
      );
    // The others run unless they are left out.
    else if (options !== undefined) throw invalidFlag("--pass", item, `${name} has no options`);
  }
  return found;
}

async function targetFromFlags(flags: Flags): Promise<import("../src/target/index.ts").Target> {
  const { checkTarget, loadTarget, withCapacity } = await import("../src/target/index.ts");
  const { invalidTarget } = await import("../src/errors.ts");
  const name = String(flags["target"]);
  const capacity = new Map(
    [...pairs("--capacity", texts(flags, "capacity"))].map(([memory, size]) => [memory, byteCount("--capacity", size)]),
  );
  if (!name.endsWith(".json")) return withCapacity(loadTarget(name), capacity);
  let json: unknown;
  try {
    json = JSON.parse(await readFile(name, "utf8"));
  } catch (error) {
    throw invalidTarget(name, error instanceof Error ? error.message : "it is not JSON");
  }
  return withCapacity(checkTarget(json, name), capacity);
}

function pinsOf(
  flags: Flags,
  refuse: (flag: string, value: string, message: string) => Error,
): Map<string, { memory: string; offset: number }> {
  return new Map(
    [...pairs("--pin", texts(flags, "pin"), true)].map(([name, place]) => {
      const match = /^(.+)\+(\d+)$/.exec(place);
      if (match === null) throw refuse("--pin", `${name}=${place}`, "expected NAME=MEMORY+OFFSET");
      return [name, { memory: match[1]!, offset: whole("--pin", match[2]!) }];
    }),
  );
}
