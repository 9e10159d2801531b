/** The operator table: rules of every operator that Strata knows, by domain and name. */
import { activationOperators } from "./activations.ts";
import { attentionOperators } from "./attention.ts";
import { binaryOperators } from "./binary.ts";
import { castOperators } from "./cast.ts";
import { contribAttentionOperators } from "./contrib-attention.ts";
import { contribElementwise } from "./contrib-elementwise.ts";
import { contribGradientOperators } from "./contrib-gradients.ts";
import { contribQuantizedOperators } from "./contrib-quantized.ts";
import { convOperators } from "./conv.ts";
import { strataConv } from "./conv.ts";
import { contribConv } from "./conv.ts";
import { einsumOperators } from "./einsum.ts";
import { imageOperators } from "./image.ts";
import { resizeOperators } from "./resize.ts";
import { indexingOperators } from "./indexing.ts";
import { mlIndexing } from "./indexing.ts";
import { logicalOperators } from "./logical.ts";
import { lossOperators } from "./loss.ts";
import { matmulOperators } from "./matmul.ts";
import { contribProductOperators } from "./matmul.ts";
import { movementOperators } from "./movement.ts";
import { normOperators } from "./norm.ts";
import { contribNorm } from "./norm.ts";
import { poolOperators } from "./pool.ts";
import { strataPool } from "./pool.ts";
import { quantizeOperators } from "./quantize.ts";
import { randomOperators } from "./random.ts";
import { reduceOperators } from "./reduce.ts";
import { rnnOperators } from "./rnn.ts";
import { shapeOperators } from "./shape.ts";
import { signalOperators } from "./signal.ts";
import { softmaxOperators } from "./softmax.ts";
import { trainingOperators } from "./training.ts";
import { unaryOperators } from "./unary.ts";
import { variadicOperators } from "./variadic.ts";
import type { OperatorRule, OperatorTable } from "./types.ts";

const TABLES: readonly { readonly domain: string; readonly tables: readonly OperatorTable[] }[] = [
  {
    domain: "",
    tables: [
      activationOperators,
      attentionOperators,
      binaryOperators,
      castOperators,
      convOperators,
      einsumOperators,
      imageOperators,
      resizeOperators,
      indexingOperators,
      logicalOperators,
      lossOperators,
      matmulOperators,
      movementOperators,
      normOperators,
      poolOperators,
      quantizeOperators,
      randomOperators,
      reduceOperators,
      rnnOperators,
      shapeOperators,
      signalOperators,
      softmaxOperators,
      unaryOperators,
      variadicOperators,
    ],
  },
  {
    domain: "com.microsoft",
    tables: [
      contribAttentionOperators,
      contribElementwise,
      contribGradientOperators,
      contribQuantizedOperators,
      contribConv,
      contribProductOperators,
      contribNorm,
    ],
  },
  { domain: "ai.onnx.ml", tables: [mlIndexing] },
  { domain: "ai.onnx.preview.training", tables: [trainingOperators] },
  { domain: "strata", tables: [strataConv, strataPool] },
];

const RULES = new Map<string, ReadonlyMap<string, OperatorRule>>(
  TABLES.map(({ domain, tables }) => [domain, new Map(tables.flatMap((table) => Object.entries(table)))]),
);

/** The rule of an operator, or undefined. `""` is ONNX's own domain. */
export const operatorRule = (domain: string, op: string): OperatorRule | undefined => RULES.get(domain)?.get(op);

export const knowsDomain = (domain: string): boolean => RULES.has(domain);

export const operatorNames = (domain: string): readonly string[] => [...(RULES.get(domain)?.keys() ?? [])].sort();
