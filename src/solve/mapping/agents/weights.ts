/** The network's file: half-precision numbers in the order of SHAPES, described by a JSON header. */
import { invalidWeights } from "../../../errors.ts";
import { FEATURE_VERSION } from "./features.ts";
import { type Network, networkOn, PARAMETER_NAMES, parameterCount, SHAPES } from "./network.ts";

export interface WeightsHeader {
  readonly format: "strata-mapper";
  readonly featureVersion: number;
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  /** Of the file of numbers, hex. */
  readonly sha256: string;
  readonly seed: number;
  readonly training: {
    readonly steps: number;
    readonly imitationSteps: number;
    readonly batch: number;
    readonly games: readonly string[];
    readonly log: readonly object[];
  };
}

const scratch = new DataView(new ArrayBuffer(4));

/** IEEE 754 binary16 of a number that is in its range, ties to even. */
export function toHalf(x: number): number {
  scratch.setFloat32(0, x);
  const bits = scratch.getUint32(0);
  const sign = (bits >>> 16) & 0x8000;
  const exponent = ((bits >>> 23) & 0xff) - 112;
  if (exponent >= 31) return sign | 0x7c00;
  let mantissa = bits & 0x7fffff;
  let shift = 13;
  let base = exponent << 10;
  if (exponent <= 0) {
    if (exponent < -10) return sign;
    mantissa |= 0x800000;
    shift = 14 - exponent;
    base = 0;
  }
  const half = base + (mantissa >>> shift);
  const rest = mantissa & ((1 << shift) - 1);
  const middle = 1 << (shift - 1);
  return sign | (half + (rest > middle || (rest === middle && (half & 1) === 1) ? 1 : 0));
}

/** The number that an IEEE 754 binary16 stands for. */
export function fromHalf(half: number): number {
  const sign = (half & 0x8000) === 0 ? 1 : -1;
  const exponent = (half >>> 10) & 31;
  const mantissa = half & 1023;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 31) return mantissa === 0 ? sign * Infinity : NaN;
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

export function encodeWeights(flat: Float32Array): Uint8Array {
  const bytes = new Uint8Array(2 * flat.length);
  const view = new DataView(bytes.buffer);
  flat.forEach((x, k) => view.setUint16(2 * k, toHalf(x), true));
  return bytes;
}

/**
 * The network of a file. Throws InputError `invalid-weights` where header and numbers don't fit this version; whether
 * the digest is right is for the caller, who has a hash function.
 */
export function decodeWeights(header: WeightsHeader, bytes: Uint8Array, where: string): Network {
  if (header.format !== "strata-mapper") throw invalidWeights(where, "it is not the header of a mapper's weights");
  if (header.featureVersion !== FEATURE_VERSION)
    throw invalidWeights(where, `its features have version ${header.featureVersion}, this is ${FEATURE_VERSION}`);
  for (const name of PARAMETER_NAMES) {
    const [rows, columns] = (header.shapes as WeightsHeader["shapes"] | undefined)?.[name] ?? [];
    if (rows !== SHAPES[name][0] || columns !== SHAPES[name][1])
      throw invalidWeights(where, `${name} is ${rows} x ${columns}, expected ${SHAPES[name].join(" x ")}`);
  }
  const count = parameterCount();
  if (bytes.length !== 2 * count) throw invalidWeights(where, `${bytes.length} bytes for ${count} half-size numbers`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const flat = new Float32Array(count);
  for (let k = 0; k < count; k++) {
    flat[k] = fromHalf(view.getUint16(2 * k, true));
    if (!Number.isFinite(flat[k])) throw invalidWeights(where, `number ${k} is not finite`);
  }
  return networkOn(flat);
}
