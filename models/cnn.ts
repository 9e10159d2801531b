/** Convolutional image classifiers and segmenters: ResNet, VGG, MobileNetV2, U-Net. */
import type { Builder } from "./builder.ts";
import { dim, number, type Family, type OptionInfo } from "./family.ts";

export const IMAGE: readonly OptionInfo[] = [
  { name: "batch", default: 1, description: "images at once" },
  { name: "image", default: 224, description: "height and width" },
  { name: "classes", default: 1000, description: "results" },
  { name: "dims", default: "fixed", description: "fixed, or symbolic: the batch is a symbolic dim" },
];

interface Conv {
  readonly kernel: number;
  readonly stride?: number;
  /** Half the kernel where left out: the size is kept. */
  readonly pad?: number;
  readonly group?: number;
  readonly bias?: boolean;
}

export function conv(
  b: Builder,
  x: string,
  name: string,
  from: number,
  to: number,
  { kernel, stride = 1, pad = Math.floor(kernel / 2), group = 1, bias = false }: Conv,
): string {
  const operands = [x, b.weight(`${name}.weight`, [to, from / group, kernel, kernel])];
  if (bias) operands.push(b.weight(`${name}.bias`, [to], "zeros"));
  return b.op("Conv", operands, `${name}/Conv`, {
    kernel_shape: [kernel, kernel],
    strides: [stride, stride],
    pads: [pad, pad, pad, pad],
    dilations: [1, 1],
    group,
  });
}

export const batchNorm = (b: Builder, x: string, name: string, channels: number): string =>
  b.op(
    "BatchNormalization",
    [
      x,
      b.weight(`${name}.weight`, [channels], "ones"),
      b.weight(`${name}.bias`, [channels], "zeros"),
      b.weight(`${name}.running_mean`, [channels], "zeros"),
      b.weight(`${name}.running_var`, [channels], "ones"),
    ],
    `${name}/BatchNormalization`,
    { epsilon: { float: 1e-5 } },
  );

export const relu = (b: Builder, x: string, name: string): string => b.op("Relu", [x], `${name}/Relu`);

export function classifier(b: Builder, x: string, name: string, from: number, to: number): string {
  return b.op(
    "Gemm",
    [x, b.weight(`${name}.weight`, [to, from], "uniform", from), b.weight(`${name}.bias`, [to], "zeros")],
    `${name}/Gemm`,
    { transB: 1 },
  );
}

const RESNETS: ReadonlyMap<number, { readonly blocks: readonly number[]; readonly expansion: number }> = new Map([
  [18, { blocks: [2, 2, 2, 2], expansion: 1 }],
  [34, { blocks: [3, 4, 6, 3], expansion: 1 }],
  [50, { blocks: [3, 4, 6, 3], expansion: 4 }],
  [101, { blocks: [3, 4, 23, 3], expansion: 4 }],
]);

export const resnet: Family = {
  name: "resnet",
  summary: "ResNet (He et al., 2015): depth 18, 34, 50 or 101",
  options: [
    { name: "depth", default: 50, description: "18, 34, 50 or 101" },
    { name: "width", default: 64, description: "channels of the first stage" },
    ...IMAGE,
  ],
  presets: {},
  build(b, options) {
    const { blocks, expansion } = RESNETS.get(number(options, "depth")) ?? RESNETS.get(50)!;
    const width = number(options, "width");
    const batch = dim(options, "batch");
    let x = b.input("input", "float", [batch, 3, number(options, "image"), number(options, "image")]);
    x = relu(b, batchNorm(b, conv(b, x, "conv1", 3, width, { kernel: 7, stride: 2 }), "bn1", width), "relu1");
    x = b.op("MaxPool", [x], "maxpool/MaxPool", { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
    let channels = width;
    blocks.forEach((count, stage) => {
      const inner = width * 2 ** stage;
      for (let i = 0; i < count; i++) {
        const name = `layer${stage + 1}.${i}`;
        const stride = stage > 0 && i === 0 ? 2 : 1;
        const out = inner * expansion;
        const skip =
          stride !== 1 || channels !== out
            ? batchNorm(
                b,
                conv(b, x, `${name}.downsample.0`, channels, out, { kernel: 1, stride }),
                `${name}.downsample.1`,
                out,
              )
            : x;
        let y: string;
        if (expansion === 1) {
          y = relu(
            b,
            batchNorm(b, conv(b, x, `${name}.conv1`, channels, inner, { kernel: 3, stride }), `${name}.bn1`, inner),
            `${name}.relu1`,
          );
          y = batchNorm(b, conv(b, y, `${name}.conv2`, inner, out, { kernel: 3 }), `${name}.bn2`, out);
        } else {
          y = relu(
            b,
            batchNorm(b, conv(b, x, `${name}.conv1`, channels, inner, { kernel: 1 }), `${name}.bn1`, inner),
            `${name}.relu1`,
          );
          y = relu(
            b,
            batchNorm(b, conv(b, y, `${name}.conv2`, inner, inner, { kernel: 3, stride }), `${name}.bn2`, inner),
            `${name}.relu2`,
          );
          y = batchNorm(b, conv(b, y, `${name}.conv3`, inner, out, { kernel: 1 }), `${name}.bn3`, out);
        }
        x = relu(b, b.op("Add", [y, skip], `${name}/Add`), name);
        channels = out;
      }
    });
    x = b.op("Flatten", [b.op("GlobalAveragePool", [x], "avgpool/GlobalAveragePool")], "flatten/Flatten", { axis: 1 });
    b.output("output", classifier(b, x, "fc", channels, number(options, "classes")), "float", [
      batch,
      number(options, "classes"),
    ]);
    return `resnet${number(options, "depth")}`;
  },
};

const VGGS: ReadonlyMap<number, readonly number[]> = new Map([
  [11, [1, 1, 2, 2, 2]],
  [16, [2, 2, 3, 3, 3]],
  [19, [2, 2, 4, 4, 4]],
]);

export const vgg: Family = {
  name: "vgg",
  summary: "VGG (Simonyan and Zisserman, 2014): depth 11, 16 or 19",
  options: [
    { name: "depth", default: 16, description: "11, 16 or 19" },
    { name: "width", default: 64, description: "channels of the first stage" },
    { name: "hidden", default: 4096, description: "size of the two dense layers" },
    ...IMAGE,
  ],
  presets: {},
  build(b, options) {
    const stages = VGGS.get(number(options, "depth")) ?? VGGS.get(16)!;
    const width = number(options, "width");
    const hidden = number(options, "hidden");
    const batch = dim(options, "batch");
    let size = number(options, "image");
    let x = b.input("input", "float", [batch, 3, size, size]);
    let channels = 3;
    let layer = 0;
    stages.forEach((count, stage) => {
      const out = width * Math.min(8, 2 ** stage);
      for (let i = 0; i < count; i++) {
        x = relu(b, conv(b, x, `features.${layer}`, channels, out, { kernel: 3, bias: true }), `features.${layer + 1}`);
        channels = out;
        layer += 2;
      }
      x = b.op("MaxPool", [x], `features.${layer++}/MaxPool`, { kernel_shape: [2, 2], strides: [2, 2] });
      size = Math.floor(size / 2);
    });
    x = b.op("Flatten", [x], "flatten/Flatten", { axis: 1 });
    x = relu(b, classifier(b, x, "classifier.0", channels * size * size, hidden), "classifier.1");
    x = relu(b, classifier(b, x, "classifier.3", hidden, hidden), "classifier.4");
    b.output("output", classifier(b, x, "classifier.6", hidden, number(options, "classes")), "float", [
      batch,
      number(options, "classes"),
    ]);
    return `vgg${number(options, "depth")}`;
  },
};

/** Expansion, channels, repeats, stride of each stage: table 2 of the paper. */
const INVERTED = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

export const mobilenetV2: Family = {
  name: "mobilenet-v2",
  summary: "MobileNetV2 (Sandler et al., 2018)",
  options: [{ name: "multiplier", default: 1, description: "width multiplier" }, ...IMAGE],
  presets: {},
  build(b, options) {
    const scale = (channels: number): number =>
      Math.max(8, Math.round((channels * number(options, "multiplier")) / 8) * 8);
    const batch = dim(options, "batch");
    const relu6 = (x: string, name: string): string => b.op("Clip", [x, b.scalar(0), b.scalar(6)], `${name}/Clip`);
    let x = b.input("input", "float", [batch, 3, number(options, "image"), number(options, "image")]);
    let channels = scale(32);
    x = relu6(
      batchNorm(b, conv(b, x, "features.0.0", 3, channels, { kernel: 3, stride: 2 }), "features.0.1", channels),
      "features.0",
    );
    let index = 1;
    for (const [expansion, width, repeats, first] of INVERTED) {
      for (let i = 0; i < repeats; i++) {
        const name = `features.${index++}`;
        const stride = i === 0 ? first : 1;
        const out = scale(width);
        const hidden = channels * expansion;
        let y = x;
        if (expansion !== 1)
          y = relu6(
            batchNorm(b, conv(b, y, `${name}.expand`, channels, hidden, { kernel: 1 }), `${name}.expand_bn`, hidden),
            `${name}.expand`,
          );
        y = relu6(
          batchNorm(
            b,
            conv(b, y, `${name}.depthwise`, hidden, hidden, { kernel: 3, stride, group: hidden }),
            `${name}.depthwise_bn`,
            hidden,
          ),
          `${name}.depthwise`,
        );
        y = batchNorm(b, conv(b, y, `${name}.project`, hidden, out, { kernel: 1 }), `${name}.project_bn`, out);
        x = stride === 1 && channels === out ? b.op("Add", [x, y], `${name}/Add`) : y;
        channels = out;
      }
    }
    const last = Math.max(1280, scale(1280));
    x = relu6(
      batchNorm(b, conv(b, x, "features.18.0", channels, last, { kernel: 1 }), "features.18.1", last),
      "features.18",
    );
    x = b.op("Flatten", [b.op("GlobalAveragePool", [x], "pool/GlobalAveragePool")], "flatten/Flatten", { axis: 1 });
    b.output("output", classifier(b, x, "classifier", last, number(options, "classes")), "float", [
      batch,
      number(options, "classes"),
    ]);
    return "mobilenet_v2";
  },
};

export const unet: Family = {
  name: "unet",
  summary: "U-Net (Ronneberger et al., 2015) with batch norm, same padding and transposed convolutions",
  options: [
    { name: "levels", default: 4, description: "downsamplings" },
    { name: "width", default: 64, description: "channels of the first level" },
    {
      name: "blocks",
      default: 1,
      description: "double convolutions a level, each with a skip connection (more than one: as Ho et al., 2020)",
    },
    ...IMAGE.map((option) =>
      option.name === "classes"
        ? { ...option, default: 2 }
        : option.name === "image"
          ? { ...option, default: 256 }
          : option,
    ),
  ],
  presets: {},
  build(b, options) {
    const batch = dim(options, "batch");
    const width = number(options, "width");
    const levels = number(options, "levels");
    const size = number(options, "image");
    const double = (x: string, name: string, from: number, to: number): string => {
      const y = relu(b, batchNorm(b, conv(b, x, `${name}.0`, from, to, { kernel: 3 }), `${name}.1`, to), `${name}.2`);
      return relu(b, batchNorm(b, conv(b, y, `${name}.3`, to, to, { kernel: 3 }), `${name}.4`, to), `${name}.5`);
    };
    const blocks = number(options, "blocks");
    const named = (name: string, block: number): string => (block === 0 ? name : `${name}.block${block}`);
    let x = double(b.input("input", "float", [batch, 3, size, size]), "inc", 3, width);
    const skips: string[] = [];
    for (let level = 0; level < levels; level++) {
      skips.push(x);
      for (let block = 1; block < blocks; block++) {
        x = double(x, named(level === 0 ? "inc" : `down${level - 1}`, block), width * 2 ** level, width * 2 ** level);
        skips.push(x);
      }
      x = b.op("MaxPool", [x], `down${level}/MaxPool`, { kernel_shape: [2, 2], strides: [2, 2] });
      x = double(x, `down${level}`, width * 2 ** level, width * 2 ** (level + 1));
    }
    for (let level = levels - 1; level >= 0; level--) {
      const out = width * 2 ** level;
      x = b.op(
        "ConvTranspose",
        [x, b.weight(`up${level}.up.weight`, [2 * out, out, 2, 2]), b.weight(`up${level}.up.bias`, [out], "zeros")],
        `up${level}/ConvTranspose`,
        { kernel_shape: [2, 2], strides: [2, 2] },
      );
      for (let block = 0; block < blocks; block++) {
        const name = named(`up${level}`, block);
        x = double(b.op("Concat", [skips.pop()!, x], `${name}/Concat`, { axis: 1 }), name, 2 * out, out);
      }
    }
    const classes = number(options, "classes");
    b.output("output", conv(b, x, "outc", width, classes, { kernel: 1, bias: true }), "float", [
      batch,
      classes,
      size,
      size,
    ]);
    return "unet";
  },
};
