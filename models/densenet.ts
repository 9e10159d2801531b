/** DenseNet: every layer of a block reads all the results before it. */
import { batchNorm, classifier, conv, IMAGE, relu } from "./cnn.ts";
import { dim, number, type Family } from "./family.ts";

const DENSENETS: ReadonlyMap<number, readonly number[]> = new Map([
  [121, [6, 12, 24, 16]],
  [169, [6, 12, 32, 32]],
  [201, [6, 12, 48, 32]],
]);

/** Channels of the bottleneck, in growths. */
const BOTTLENECK = 4;

export const densenet: Family = {
  name: "densenet",
  summary: "DenseNet (Huang et al., 2017): depth 121, 169 or 201",
  options: [
    { name: "depth", default: 121, description: "121, 169 or 201" },
    { name: "growth", default: 32, description: "channels that a layer adds" },
    { name: "width", default: 64, description: "channels of the first convolution" },
    ...IMAGE,
  ],
  presets: {},
  build(b, options) {
    const blocks = DENSENETS.get(number(options, "depth")) ?? DENSENETS.get(121)!;
    const growth = number(options, "growth");
    const batch = dim(options, "batch");
    const classes = number(options, "classes");
    const size = number(options, "image");
    let channels = number(options, "width");
    const normalised = (x: string, name: string, count: number): string =>
      relu(b, batchNorm(b, x, `${name}.norm`, count), `${name}.relu`);
    let x = conv(b, b.input("input", "float", [batch, 3, size, size]), "conv0", 3, channels, { kernel: 7, stride: 2 });
    x = normalised(x, "conv0", channels);
    x = b.op("MaxPool", [x], "pool0/MaxPool", { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
    blocks.forEach((layers, block) => {
      const features = [x];
      for (let i = 0; i < layers; i++) {
        const name = `block${block + 1}.layer${i + 1}`;
        const all = i === 0 ? x : b.op("Concat", features, `${name}/Concat`, { axis: 1 });
        const inner = BOTTLENECK * growth;
        let y = conv(b, normalised(all, `${name}.1`, channels), `${name}.conv1`, channels, inner, { kernel: 1 });
        y = conv(b, normalised(y, `${name}.2`, inner), `${name}.conv2`, inner, growth, { kernel: 3 });
        features.push(y);
        channels += growth;
      }
      x = b.op("Concat", features, `block${block + 1}/Concat`, { axis: 1 });
      if (block === blocks.length - 1) return;
      const name = `transition${block + 1}`;
      const half = Math.floor(channels / 2);
      x = conv(b, normalised(x, name, channels), `${name}.conv`, channels, half, { kernel: 1 });
      x = b.op("AveragePool", [x], `${name}/AveragePool`, { kernel_shape: [2, 2], strides: [2, 2] });
      channels = half;
    });
    x = b.op("GlobalAveragePool", [normalised(x, "final", channels)], "pool/GlobalAveragePool");
    x = b.op("Flatten", [x], "flatten/Flatten", { axis: 1 });
    b.output("output", classifier(b, x, "classifier", channels, classes), "float", [batch, classes]);
    return `densenet${number(options, "depth")}`;
  },
};
