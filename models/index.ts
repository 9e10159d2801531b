/** Generators of real architectures as ONNX, with seeded weights or shapes only. */
import { invalidOption, unknownModel } from "../src/errors.ts";
import { nearest } from "../src/ir/nearest.ts";
import { encodeModel } from "../src/onnx/encode.ts";
import { alexnet } from "./alexnet.ts";
import { mobilenetV2, resnet, unet, vgg } from "./cnn.ts";
import { densenet } from "./densenet.ts";
import { buildFamily, COMMON, type Family, type OptionInfo, type Options, type OptionValue } from "./family.ts";
import { bert, gpt2, llama, moe, sdUnetBlock } from "./transformer.ts";

export type { OptionInfo, OptionValue } from "./family.ts";

const FAMILIES: readonly Family[] = [
  resnet,
  vgg,
  alexnet,
  densenet,
  mobilenetV2,
  unet,
  bert,
  gpt2,
  llama,
  moe,
  sdUnetBlock,
];

/** What can be generated, with options and their defaults. */
export const modelFamilies = (): readonly {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly OptionInfo[];
}[] => FAMILIES.map(({ name, summary, options }) => ({ name, summary, options: [...options, ...COMMON] }));

/** The bytes of an ONNX model. Throws InputError `unknown-model`, `invalid-option`. */
export const generateModel = (name: string, options: Readonly<Record<string, OptionValue>> = {}): Uint8Array =>
  encodeModel(build(name, options).model);

/** Number of weight elements of a model, computed without making them. */
export const parameterCount = (name: string, options: Readonly<Record<string, OptionValue>> = {}): number =>
  build(name, { ...options, weights: "none" }).parameters;

function build(name: string, given: Readonly<Record<string, OptionValue>>): ReturnType<typeof buildFamily> {
  const family = FAMILIES.find((candidate) => candidate.name === name);
  if (family === undefined) {
    const names = FAMILIES.map((candidate) => candidate.name);
    throw unknownModel(name, names, nearest(name, names));
  }
  return buildFamily(family, resolveOptions(family, given));
}

function resolveOptions(family: Family, given: Readonly<Record<string, OptionValue>>): Options {
  const infos = [...family.options, ...COMMON];
  const options = new Map(infos.map((info) => [info.name, info.default]));
  const preset = given["preset"] ?? options.get("preset");
  if (preset !== undefined) {
    const set = Object.entries(family.presets).find(([name]) => name === preset)?.[1];
    if (set === undefined)
      throw invalidOption("preset", String(preset), `choose one of ${Object.keys(family.presets).join(", ")}`);
    for (const [name, value] of Object.entries(set)) options.set(name, value);
  }
  for (const [name, value] of Object.entries(given)) {
    const info = infos.find((candidate) => candidate.name === name);
    if (info === undefined)
      throw invalidOption(
        name,
        String(value),
        `${family.name} has ${infos.map((candidate) => candidate.name).join(", ")}`,
      );
    options.set(name, convert(info, value));
  }
  return options;
}

function convert(info: OptionInfo, value: OptionValue): OptionValue {
  if (typeof info.default === "number") {
    const number = Number(value);
    const fraction = info.name === "multiplier";
    if (value === "" || !Number.isFinite(number) || number < 0 || (!fraction && !Number.isSafeInteger(number)))
      throw invalidOption(info.name, String(value), "expected a number from 0 up");
    return number;
  }
  if (typeof info.default === "boolean") {
    if (!["true", "false", true, false].includes(value as string | boolean))
      throw invalidOption(info.name, String(value), "expected true or false");
    return value === true || value === "true";
  }
  return String(value);
}
