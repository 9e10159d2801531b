/** Flags that say which graph a model means: dims, shapes, bound inputs, targets, limits. */
import type { Argv } from "yargs";
import { invalidFlag } from "../src/errors.ts";
import { texts, type Flags } from "./command.ts";
import { pairs, whole } from "./pairs.ts";

export const modelOptions = (yargs: Argv): Argv =>
  yargs
    .option("dim", { type: "string", array: true, describe: "size of a symbolic dim: NAME=SIZE" })
    .option("shape", { type: "string", array: true, describe: "whole shape of an input: NAME=D0,D1,..." })
    .option("bind", {
      type: "string",
      array: true,
      describe: "value of an input that decides shapes: NAME=V0,V1,... (the plan then holds for it only)",
    })
    .option("external-data", {
      type: "string",
      describe: "folder of the model's external data (default: the model's own)",
    })
    .option("decoder", {
      type: "string",
      choices: ["protobufjs", "onnx-proto"],
      default: "protobufjs",
      describe: "protobuf decoder",
    });

export interface ModelFlags {
  readonly dims: ReadonlyMap<string, number>;
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** Values by input name; typed once the model is read. */
  readonly bind: ReadonlyMap<string, readonly number[]>;
}

const numbers = (flag: string, list: string): number[] =>
  list === ""
    ? []
    : list.split(",").map((item) => {
        const value = Number(item);
        if (item.trim() === "" || Number.isNaN(value))
          throw invalidFlag(flag, list, "expected numbers with commas between");
        return value;
      });

export function modelFlags(flags: Flags): ModelFlags {
  const dims = new Map(
    [...pairs("--dim", texts(flags, "dim"), true)].map(([name, size]) => [name, whole("--dim", size)]),
  );
  const shapes = new Map(
    [...pairs("--shape", texts(flags, "shape"), true)].map(([name, list]) => [name, numbers("--shape", list)]),
  );
  const bind = new Map(
    [...pairs("--bind", texts(flags, "bind"), true)].map(([name, list]) => [name, numbers("--bind", list)]),
  );
  return { dims, shapes, bind };
}
