/** Resize and Upsample of all opsets: sizes out of scales or the other way round. */
import { dataInput } from "./movement.ts";
import { numberValue } from "./elementwise.ts";
import type { Meaning, OpContext, OperatorTable } from "./types.ts";

interface Settings {
  readonly mode: string;
  readonly coordinates: string;
  readonly nearest: string;
}

const MODES = new Set(["nearest", "linear", "cubic"]);
const COORDINATES = new Set([
  "asymmetric",
  "half_pixel",
  "pytorch_half_pixel",
  "half_pixel_symmetric",
  "align_corners",
  "tf_half_pixel_for_nn",
  "tf_crop_and_resize",
]);
const NEAREST = new Set(["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]);

function meaning(
  n: OpContext,
  output: readonly number[],
  scales: readonly number[],
  settings: Settings,
  roi: readonly number[],
): Meaning {
  const { dtype } = dataInput(n);
  const { mode, coordinates, nearest } = settings;
  if (!MODES.has(mode)) n.invalid(`mode '${mode}' is not known`);
  if (!COORDINATES.has(coordinates)) n.invalid(`coordinate_transformation_mode '${coordinates}' is not known`);
  if (!NEAREST.has(nearest)) n.invalid(`nearest_mode '${nearest}' is not known`);
  if (scales.some((scale) => !(scale > 0))) n.invalid(`scales [${scales.join(",")}] must be positive`);
  return {
    outputs: [{ dtype, shape: output }],
    reads: [0],
    kernel: "Resize",
    attrs: {
      scales,
      roi,
      ...settings,
      cubic_a: n.float("cubic_coeff_a", -0.75),
      exclude_outside: n.int("exclude_outside", 0) !== 0,
      antialias: n.int("antialias", 0) !== 0,
      extrapolation: numberValue(n.float("extrapolation_value", 0)),
    },
    flops: output.reduce((product, dim) => product * dim, 8),
  };
}

const noRoi = (rank: number): number[] => Array.from({ length: 2 * rank }, (_, i) => (i < rank ? 0 : 1));

function byScales(n: OpContext, scales: readonly number[]): readonly number[] {
  const { shape } = dataInput(n);
  if (scales.length !== shape.length) n.invalid(`${scales.length} scales for rank ${shape.length}`);
  return shape.map((dim, d) => Math.floor(dim * scales[d]!));
}

function upsample(n: OpContext): Meaning {
  const { shape } = dataInput(n);
  const scales =
    n.version >= 9
      ? n.knownFloats(1, "the scales")
      : n.version >= 7
        ? (n.floats("scales") ?? n.invalid("attribute 'scales' is missing"))
        : [1, 1, n.float("height_scale", 1), n.float("width_scale", 1)];
  const mode = n.string("mode", "nearest").replace("bilinear", "linear");
  return meaning(
    n,
    byScales(n, scales),
    scales,
    { mode, coordinates: "asymmetric", nearest: "floor" },
    noRoi(shape.length),
  );
}

function resize(n: OpContext): Meaning {
  const { shape } = dataInput(n);
  const rank = shape.length;
  if (n.version < 11) {
    const scales = n.knownFloats(1, "the scales");
    return meaning(
      n,
      byScales(n, scales),
      scales,
      { mode: n.string("mode", "nearest"), coordinates: "asymmetric", nearest: "floor" },
      noRoi(rank),
    );
  }
  const settings = {
    mode: n.string("mode", "nearest"),
    coordinates: n.string("coordinate_transformation_mode", "half_pixel"),
    nearest: n.string("nearest_mode", "round_prefer_floor"),
  };
  const axes = (n.ints("axes") ?? shape.map((_, d) => d)).map((axis) => n.axis(axis, rank));
  const full = (values: readonly number[], rest: (d: number) => number, what: string): number[] => {
    if (values.length !== axes.length) n.invalid(`${values.length} ${what} for ${axes.length} axes`);
    const all = shape.map((_, d) => rest(d));
    axes.forEach((axis, i) => (all[axis] = values[i]!));
    return all;
  };
  let roi = noRoi(rank);
  if (settings.coordinates === "tf_crop_and_resize") {
    const given = n.knownFloats(1, "the region of interest");
    roi = [
      ...full(given.slice(0, axes.length), () => 0, "region starts"),
      ...full(given.slice(axes.length), () => 1, "region ends"),
    ];
  }
  const sized = n.hasInput(3) && n.input(3).shape[0] !== 0;
  if (!sized) {
    const scales = full(n.knownFloats(2, "the scales"), () => 1, "scales");
    // With a region, the size is that of the region scaled.
    const output = shape.map((dim, d) => Math.floor(dim * (roi[d + rank]! - roi[d]!) * scales[d]!));
    return meaning(n, output, scales, settings, roi);
  }
  const sizes = n.knownInts(3, "the sizes");
  if (sizes.some((size) => size < 0)) n.invalid(`sizes [${sizes.join(",")}] must not be negative`);
  const policy = n.string("keep_aspect_ratio_policy", "stretch");
  const output = full(sizes, (d) => shape[d]!, "sizes");
  if (policy === "stretch")
    return meaning(
      n,
      output,
      output.map((size, d) => size / shape[d]!),
      settings,
      roi,
    );
  const ratios = axes.map((axis, i) => sizes[i]! / shape[axis]!);
  const scale =
    policy === "not_larger"
      ? Math.min(...ratios)
      : policy === "not_smaller"
        ? Math.max(...ratios)
        : n.invalid(`keep_aspect_ratio_policy '${policy}' is not known`);
  const scales = shape.map((_, d) => (axes.includes(d) ? scale : 1));
  return meaning(
    n,
    shape.map((dim, d) => (axes.includes(d) ? Math.floor(dim * scale + 0.5) : dim)),
    scales,
    settings,
    roi,
  );
}

export const resizeOperators: OperatorTable = { Resize: resize, Upsample: upsample };
