/** AlexNet in the single-tower form of "One weird trick" (Krizhevsky, 2014). */
import { classifier, conv, IMAGE, relu } from "./cnn.ts";
import { dim, number, type Family } from "./family.ts";

/** Channels, kernel, stride, padding, and whether a max pooling follows. */
const LAYERS = [
  [64, 11, 4, 2, true],
  [192, 5, 1, 2, true],
  [384, 3, 1, 1, false],
  [256, 3, 1, 1, false],
  [256, 3, 1, 1, true],
] as const;

export const alexnet: Family = {
  name: "alexnet",
  summary: "AlexNet (Krizhevsky, 2014): one tower, no dropout",
  options: [{ name: "hidden", default: 4096, description: "size of the two dense layers" }, ...IMAGE],
  presets: {},
  build(b, options) {
    const batch = dim(options, "batch");
    const hidden = number(options, "hidden");
    const classes = number(options, "classes");
    let size = number(options, "image");
    let x = b.input("input", "float", [batch, 3, size, size]);
    let channels = 3;
    LAYERS.forEach(([out, kernel, stride, pad, pool], i) => {
      const name = `features.${i}`;
      x = relu(b, conv(b, x, name, channels, out, { kernel, stride, pad, bias: true }), `${name}.relu`);
      size = Math.floor((size + 2 * pad - kernel) / stride) + 1;
      channels = out;
      if (!pool) return;
      x = b.op("MaxPool", [x], `${name}/MaxPool`, { kernel_shape: [3, 3], strides: [2, 2] });
      size = Math.floor((size - 3) / 2) + 1;
    });
    x = b.op("Flatten", [x], "flatten/Flatten", { axis: 1 });
    x = relu(b, classifier(b, x, "classifier.1", channels * size * size, hidden), "classifier.2");
    x = relu(b, classifier(b, x, "classifier.4", hidden, hidden), "classifier.5");
    b.output("output", classifier(b, x, "classifier.6", hidden, classes), "float", [batch, classes]);
    return "alexnet";
  },
};
