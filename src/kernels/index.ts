/** All kernels by name. */
import { activationKernels } from "./activations.ts";
import { attentionKernels } from "./attention.ts";
import { binaryKernels } from "./binary.ts";
import { castKernels } from "./cast.ts";
import { clipKernels } from "./clip.ts";
import { contribAttentionKernels } from "./contrib-attention.ts";
import { convKernels } from "./conv.ts";
import { copyBytesKernels } from "./copy-bytes.ts";
import { crossEntropyTrainingKernels } from "./cross-entropy-training.ts";
import { dropoutKernels } from "./dropout.ts";
import { einsumKernels } from "./einsum.ts";
import { fusedElementwiseKernels } from "./fused-elementwise.ts";
import { generateKernels } from "./generate.ts";
import { gradientKernels } from "./gradients.ts";
import { imageKernels } from "./image.ts";
import { resizeKernels } from "./resize.ts";
import { indexingKernels } from "./indexing.ts";
import { linearAttentionKernels } from "./linear-attention.ts";
import { logicalKernels } from "./logical.ts";
import { lossKernels } from "./loss.ts";
import { matMulNBitsKernels } from "./matmul-nbits.ts";
import { matmulKernels } from "./matmul.ts";
import { movementKernels } from "./movement.ts";
import { normKernels } from "./norm.ts";
import { poolKernels } from "./pool.ts";
import { qLinearKernels } from "./qlinear.ts";
import { quantizeKernels } from "./quantize.ts";
import { reduceKernels } from "./reduce.ts";
import { rnnKernels } from "./rnn.ts";
import { rotaryEmbeddingKernels } from "./rotary-embedding.ts";
import { searchKernels } from "./search.ts";
import { signalKernels } from "./signal.ts";
import { softmaxKernels } from "./softmax.ts";
import { trainingKernels } from "./training.ts";
import { unaryKernels } from "./unary.ts";
import { variadicKernels } from "./variadic.ts";
import type { Kernel, KernelTable } from "./types.ts";

const TABLES: readonly KernelTable[] = [
  activationKernels,
  attentionKernels,
  binaryKernels,
  castKernels,
  clipKernels,
  contribAttentionKernels,
  convKernels,
  copyBytesKernels,
  crossEntropyTrainingKernels,
  dropoutKernels,
  einsumKernels,
  fusedElementwiseKernels,
  generateKernels,
  gradientKernels,
  imageKernels,
  resizeKernels,
  indexingKernels,
  linearAttentionKernels,
  logicalKernels,
  lossKernels,
  matMulNBitsKernels,
  matmulKernels,
  movementKernels,
  normKernels,
  poolKernels,
  qLinearKernels,
  quantizeKernels,
  reduceKernels,
  rnnKernels,
  rotaryEmbeddingKernels,
  searchKernels,
  signalKernels,
  softmaxKernels,
  trainingKernels,
  unaryKernels,
  variadicKernels,
];

const KERNELS = new Map<string, Kernel>(TABLES.flatMap((table) => Object.entries(table)));

/** The kernel of that name, or undefined. */
export const kernelByName = (name: string): Kernel | undefined => KERNELS.get(name);
