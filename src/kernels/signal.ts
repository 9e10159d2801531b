/** DFT, STFT, the window functions and the mel filter bank. */
import { badData } from "../errors.ts";
import { isFloat } from "../ir/dtype.ts";
import { reader, sizeOf, writer } from "./access.ts";
import { fourier } from "./fourier.ts";
import type { Kernel, KernelTable, Tensor } from "./types.ts";

/** Lines along one axis of (..., axis, ..., parts): `visit(from, to)` with the first element's offsets. */
function forEachLine(x: Tensor, y: Tensor, axis: number, visit: (from: number, to: number) => void): void {
  const before = sizeOf(x.shape.slice(0, axis));
  const after = sizeOf(x.shape.slice(axis + 1, -1));
  const [xParts, yParts] = [x.shape.at(-1)!, y.shape.at(-1)!];
  for (let b = 0; b < before; b++)
    for (let a = 0; a < after; a++)
      visit((b * x.shape[axis]! * after + a) * xParts, (b * y.shape[axis]! * after + a) * yParts);
}

const dft: Kernel = ({ inputs, outputs, attrs }) => {
  const x = inputs[0]!;
  const y = outputs[0]!;
  const axis = Number(attrs.get("axis"));
  const length = Number(attrs.get("length"));
  const isInverse = attrs.get("inverse") === 1;
  // The inverse of a one-sided transform mirrors its input and has a real result.
  const isReal = isInverse && attrs.get("onesided") === 1;
  const [xParts, yParts] = [x.shape.at(-1)!, y.shape.at(-1)!];
  const after = sizeOf(x.shape.slice(axis + 1, -1));
  const read = reader(x);
  const write = writer(y);
  const transform = fourier(length, isInverse, outputs.at(-1)!.data as Float64Array);
  const factor = isInverse ? 1 / length : 1;
  const taken = Math.min(x.shape[axis]!, isReal ? Math.floor(length / 2) + 1 : length);
  forEachLine(x, y, axis, (from, to) => {
    const { row } = transform;
    row.fill(0);
    for (let i = 0; i < taken; i++) {
      const at = from + i * after * xParts;
      const [re, im] = [read(at), xParts === 2 ? read(at + 1) : 0];
      // Its own mirror image: the imaginary part of the first and the middle frequency counts for nothing.
      const isOwnMirror = isReal && (i === 0 || 2 * i === length);
      row[2 * i] = re;
      row[2 * i + 1] = isOwnMirror ? 0 : im;
      if (isReal && !isOwnMirror) {
        row[2 * (length - i)] = re;
        row[2 * (length - i) + 1] = -im;
      }
    }
    const result = transform.run();
    for (let k = 0; k < y.shape[axis]!; k++)
      for (let part = 0; part < yParts; part++) write(to + k * after * yParts + part, factor * result[2 * k + part]!);
  });
};

/** Frames of the signal (batch, time, parts), `step` apart, weighted and transformed. */
const stft: Kernel = ({ inputs, outputs, attrs }) => {
  const [x, window] = inputs;
  const y = outputs[0]!;
  const [batches, frames, bins] = y.shape as [number, number, number];
  const step = Number(attrs.get("step"));
  const length = Number(attrs.get("length"));
  const [time, parts] = [x!.shape[1]!, x!.shape[2] ?? 1];
  const read = reader(x!);
  const readWindow = window ? reader(window) : undefined;
  const write = writer(y);
  const transform = fourier(length, false, outputs.at(-1)!.data as Float64Array);
  for (let b = 0; b < batches; b++)
    for (let f = 0; f < frames; f++) {
      for (let i = 0; i < length; i++) {
        const at = (b * time + f * step + i) * parts;
        const weight = readWindow?.(i) ?? 1;
        transform.row[2 * i] = weight * read(at);
        transform.row[2 * i + 1] = parts === 2 ? weight * read(at + 1) : 0;
      }
      const result = transform.run();
      const to = (b * frames + f) * bins * 2;
      for (let k = 0; k < 2 * bins; k++) write(to + k, result[k]!);
    }
};

/** Sum of coefficients[m] * cos(2 pi m i / period): every classical window is one of these. */
const cosineWindow =
  (coefficients: readonly number[]): Kernel =>
  ({ outputs, attrs }) => {
    const y = outputs[0]!;
    const size = y.shape[0]!;
    const write = writer(y);
    const period = attrs.get("periodic") === 1 ? size : size - 1;
    for (let i = 0; i < size; i++) {
      // A symmetric window of one sample is its peak.
      const phase = period === 0 ? Math.PI : (2 * Math.PI * i) / period;
      const value = coefficients.reduce((sum, coefficient, m) => sum + coefficient * Math.cos(m * phase), 0);
      write(i, isFloat(y.dtype) ? value : Math.trunc(value));
    }
  };

/** Pitch in mel, by the formula of O'Shaughnessy. */
const mel = (hertz: number): number => 2595 * Math.log10(1 + hertz / 700);

/** Operands: sample rate, lower and upper edge in Hz. Result (bins of the spectrogram, mel bands). */
const melWeightMatrix: Kernel = ({ inputs, outputs, attrs }) => {
  const [sampleRate, lower, upper] = inputs.map((tensor) => reader(tensor!)(0)) as [number, number, number];
  const y = outputs[0]!;
  const [bins, bands] = y.shape as [number, number];
  const length = Number(attrs.get("length"));
  const [low, high] = [mel(lower), mel(upper)];
  const stepSize = (high - low) / (bands + 2);
  /** Spectrogram bin of band edge `i`. */
  const edge = (i: number): number => {
    const bin = Math.floor(((length + 1) * 700 * (10 ** ((low + i * stepSize) / 2595) - 1)) / sampleRate);
    if (!(bin >= 0 && bin < bins)) throw badData("MelWeightMatrix", `band edge ${i} falls on bin ${bin} of ${bins}`);
    return bin;
  };
  const write = writer(y);
  const put = (i: number, value: number): void => write(i, isFloat(y.dtype) ? value : Math.trunc(value));
  for (let i = 0; i < bins * bands; i++) put(i, 0);
  for (let band = 0; band < bands; band++) {
    const [left, centre, right] = [edge(band), edge(band + 1), edge(band + 2)];
    if (left === centre) put(centre * bands + band, 1);
    else for (let j = left; j <= centre; j++) put(j * bands + band, (j - left) / (centre - left));
    for (let j = centre; j < right; j++) put(j * bands + band, (right - j) / (right - centre));
  }
};

export const signalKernels: KernelTable = {
  BlackmanWindow: cosineWindow([0.42, -0.5, 0.08]),
  DFT: dft,
  HammingWindow: cosineWindow([25 / 46, -21 / 46]),
  HannWindow: cosineWindow([0.5, -0.5]),
  MelWeightMatrix: melWeightMatrix,
  STFT: stft,
};
