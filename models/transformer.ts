/** Transformers: BERT, GPT-2, Llama (prefill and decode with a key-value cache), and a mixture-of-experts block. */
import type { Builder } from "./builder.ts";
import { dim, number, type Family, type OptionInfo, type Options, type OptionValue } from "./family.ts";

const SYMBOLIC: OptionInfo = {
  name: "dims",
  default: "fixed",
  description: "fixed, or symbolic: batch (and sequence) are symbolic dims",
};

/** GELU with the error function, as exporters write it. */
function gelu(b: Builder, x: string, name: string): string {
  const scaled = b.op("Div", [x, b.scalar(Math.SQRT2)], `${name}/Div`);
  const shifted = b.op("Add", [b.op("Erf", [scaled], `${name}/Erf`), b.scalar(1)], `${name}/Add_erf`);
  return b.op("Mul", [b.op("Mul", [x, shifted], `${name}/Mul`), b.scalar(0.5)], `${name}/Mul_half`);
}

interface Heads {
  readonly heads: number;
  readonly size: number;
}

/** [batch, sequence, heads * size] as [batch, heads, sequence, size]. */
const split = (b: Builder, x: string, { heads, size }: Heads, name: string): string =>
  b.transpose(b.reshape(x, [0, -1, heads, size], `${name}/Reshape`), [0, 2, 1, 3], `${name}/Transpose`);

const merge = (b: Builder, x: string, { heads, size }: Heads, name: string): string =>
  b.reshape(b.transpose(x, [0, 2, 1, 3], `${name}/Transpose`), [0, -1, heads * size], `${name}/Reshape`);

/** softmax(q k^T / sqrt(size) + mask) v. */
function attention(
  b: Builder,
  q: string,
  k: string,
  v: string,
  mask: string | undefined,
  size: number,
  name: string,
): string {
  const scores = b.op("MatMul", [q, b.transpose(k, [0, 1, 3, 2], `${name}/Transpose_k`)], `${name}/MatMul_qk`);
  const scaled = b.op("Div", [scores, b.scalar(Math.sqrt(size))], `${name}/Div`);
  const masked = mask === undefined ? scaled : b.op("Add", [scaled, mask], `${name}/Add_mask`);
  return b.op("MatMul", [b.op("Softmax", [masked], `${name}/Softmax`, { axis: -1 }), v], `${name}/MatMul_v`);
}

/** Additive mask that keeps position i of the new tokens from seeing what comes after it: [1, 1, sequence, past + sequence]. */
function causalMask(b: Builder, sequence: number, past: number): string {
  const all = b.op("ConstantOfShape", [b.ints([sequence, past + sequence])], "mask/ones");
  const hidden = b.op("Add", [all, b.scalar(-10_000)], "mask/fill");
  return b.reshape(
    b.op("Trilu", [hidden, b.ints([past + 1], [])], "mask/Trilu", { upper: 1 }),
    [1, 1, sequence, past + sequence],
    "mask/Reshape",
  );
}

export const bert: Family = {
  name: "bert",
  summary: "BERT encoder with pooler (Devlin et al., 2018)",
  options: [
    { name: "preset", default: "base", description: "tiny, mini, base or large" },
    { name: "layers", default: 12, description: "encoder layers" },
    { name: "hidden", default: 768, description: "model width" },
    { name: "heads", default: 12, description: "attention heads" },
    { name: "vocab", default: 30_522, description: "tokens in the vocabulary" },
    { name: "positions", default: 512, description: "longest sequence" },
    { name: "batch", default: 1, description: "sequences at once" },
    { name: "sequence", default: 128, description: "tokens a sequence" },
    SYMBOLIC,
  ],
  presets: {
    tiny: { layers: 2, hidden: 128, heads: 2 },
    mini: { layers: 4, hidden: 256, heads: 4 },
    base: {},
    large: { layers: 24, hidden: 1024, heads: 16 },
  },
  build(b, options) {
    const [hidden, count] = [number(options, "hidden"), number(options, "heads")];
    const heads = { heads: count, size: hidden / count };
    const [batch, sequence] = [dim(options, "batch"), number(options, "sequence")];
    const ids = b.input("input_ids", "int64", [batch, sequence]);
    const types = b.input("token_type_ids", "int64", [batch, sequence]);
    const given = b.input("attention_mask", "int64", [batch, sequence]);
    const keep = b.op("Cast", [b.op("Unsqueeze", [given, b.ints([1, 2])], "mask/Unsqueeze")], "mask/Cast", { to: 1 });
    const mask = b.op("Mul", [b.op("Sub", [b.scalar(1), keep], "mask/Sub"), b.scalar(-10_000)], "mask/Mul");
    const embed = (name: string, index: string, size: number): string =>
      b.op(
        "Gather",
        [b.weight(`embeddings.${name}.weight`, [size, hidden], "uniform", hidden), index],
        `embeddings.${name}/Gather`,
      );
    const positions = b.ints(
      Array.from({ length: sequence }, (_, i) => i),
      [1, sequence],
    );
    let x = b.op(
      "Add",
      [embed("word_embeddings", ids, number(options, "vocab")), embed("token_type_embeddings", types, 2)],
      "embeddings/Add",
    );
    x = b.op(
      "Add",
      [x, embed("position_embeddings", positions, number(options, "positions"))],
      "embeddings/Add_position",
    );
    x = b.layerNorm(x, "embeddings.LayerNorm", hidden, 1e-12);
    for (let layer = 0; layer < number(options, "layers"); layer++) {
      const name = `encoder.layer.${layer}`;
      const [q, k, v] = ["query", "key", "value"].map((part) =>
        split(
          b,
          b.linear(x, `${name}.attention.self.${part}`, hidden, hidden),
          heads,
          `${name}.attention.self.${part}`,
        ),
      ) as [string, string, string];
      const context = merge(
        b,
        attention(b, q, k, v, mask, heads.size, `${name}.attention.self`),
        heads,
        `${name}.attention.self`,
      );
      x = b.layerNorm(
        b.op(
          "Add",
          [b.linear(context, `${name}.attention.output.dense`, hidden, hidden), x],
          `${name}.attention.output/Add`,
        ),
        `${name}.attention.output.LayerNorm`,
        hidden,
        1e-12,
      );
      const inner = gelu(b, b.linear(x, `${name}.intermediate.dense`, hidden, 4 * hidden), `${name}.intermediate`);
      x = b.layerNorm(
        b.op("Add", [b.linear(inner, `${name}.output.dense`, 4 * hidden, hidden), x], `${name}.output/Add`),
        `${name}.output.LayerNorm`,
        hidden,
        1e-12,
      );
    }
    b.output("last_hidden_state", x, "float", [batch, sequence, hidden]);
    const first = b.op("Gather", [x, b.ints([0], [])], "pooler/Gather", { axis: 1 });
    b.output("pooler_output", b.op("Tanh", [b.linear(first, "pooler.dense", hidden, hidden)], "pooler/Tanh"), "float", [
      batch,
      hidden,
    ]);
    return "bert";
  },
};

const DECODER: readonly OptionInfo[] = [
  { name: "batch", default: 1, description: "sequences at once" },
  { name: "sequence", default: 128, description: "new tokens a sequence: many to prefill, 1 to decode" },
  { name: "past", default: 0, description: "tokens already in the key-value cache" },
  SYMBOLIC,
];

/** Appends new keys or values to the cache, which is an input where there is a past; the whole is an output. */
function cached(
  b: Builder,
  fresh: string,
  layer: number,
  part: "key" | "value",
  { heads, size }: Heads,
  options: Options,
): string {
  const past = number(options, "past");
  const batch = dim(options, "batch");
  const all =
    past === 0
      ? fresh
      : b.op(
          "Concat",
          [b.input(`past.${layer}.${part}`, "float", [batch, heads, past, size]), fresh],
          `present.${layer}.${part}/Concat`,
          { axis: 2 },
        );
  b.output(`present.${layer}.${part}`, all, "float", [batch, heads, past + number(options, "sequence"), size]);
  return all;
}

export const gpt2: Family = {
  name: "gpt2",
  summary: "GPT-2 (Radford et al., 2019), prefill or decode with a key-value cache",
  options: [
    { name: "preset", default: "small", description: "tiny, small, medium, large or xl" },
    { name: "layers", default: 12, description: "decoder layers" },
    { name: "hidden", default: 768, description: "model width" },
    { name: "heads", default: 12, description: "attention heads" },
    { name: "vocab", default: 50_257, description: "tokens in the vocabulary" },
    { name: "positions", default: 1024, description: "longest sequence" },
    ...DECODER,
  ],
  presets: {
    tiny: { layers: 2, hidden: 64, heads: 2, vocab: 512 },
    small: {},
    medium: { layers: 24, hidden: 1024, heads: 16 },
    large: { layers: 36, hidden: 1280, heads: 20 },
    xl: { layers: 48, hidden: 1600, heads: 25 },
  },
  build(b, options) {
    const [hidden, count] = [number(options, "hidden"), number(options, "heads")];
    const heads = { heads: count, size: hidden / count };
    const [batch, sequence, past] = [dim(options, "batch"), number(options, "sequence"), number(options, "past")];
    const ids = b.input("input_ids", "int64", [batch, sequence]);
    const table = b.weight("wte.weight", [number(options, "vocab"), hidden], "uniform", hidden);
    const positions = b.op(
      "Gather",
      [
        b.weight("wpe.weight", [number(options, "positions"), hidden], "uniform", hidden),
        b.ints(
          Array.from({ length: sequence }, (_, i) => past + i),
          [1, sequence],
        ),
      ],
      "wpe/Gather",
    );
    let x = b.op("Add", [b.op("Gather", [table, ids], "wte/Gather"), positions], "embeddings/Add");
    const mask = sequence > 1 ? causalMask(b, sequence, past) : undefined;
    for (let layer = 0; layer < number(options, "layers"); layer++) {
      const name = `h.${layer}`;
      const fused = b.linear(b.layerNorm(x, `${name}.ln_1`, hidden), `${name}.attn.c_attn`, hidden, 3 * hidden);
      const [q, k, v] = b
        .ops(
          "Split",
          [fused, b.ints([hidden, hidden, hidden])],
          [`${name}.attn/Split`, `${name}.attn/Split_k`, `${name}.attn/Split_v`],
          { axis: 2 },
        )
        .map((part) => split(b, part, heads, part)) as [string, string, string];
      const keys = cached(b, k, layer, "key", heads, options);
      const values = cached(b, v, layer, "value", heads, options);
      const context = merge(
        b,
        attention(b, q, keys, values, mask, heads.size, `${name}.attn`),
        heads,
        `${name}.attn/merge`,
      );
      x = b.op("Add", [x, b.linear(context, `${name}.attn.c_proj`, hidden, hidden)], `${name}/Add_attn`);
      const up = b.linear(b.layerNorm(x, `${name}.ln_2`, hidden), `${name}.mlp.c_fc`, hidden, 4 * hidden);
      x = b.op(
        "Add",
        [
          x,
          b.linear(
            b.op("Gelu", [up], `${name}.mlp/Gelu`, { approximate: "tanh" }),
            `${name}.mlp.c_proj`,
            4 * hidden,
            hidden,
          ),
        ],
        `${name}/Add_mlp`,
      );
    }
    x = b.layerNorm(x, "ln_f", hidden);
    const logits = b.op("MatMul", [x, b.transpose(table, [1, 0], "lm_head/Transpose")], "lm_head/MatMul");
    b.output("logits", logits, "float", [batch, sequence, number(options, "vocab")]);
    return "gpt2";
  },
};

/** x / rms(x) * weight, as exporters write it (Zhang and Sennrich, 2019). */
function rmsNorm(b: Builder, x: string, name: string, size: number): string {
  const mean = b.op("ReduceMean", [b.op("Pow", [x, b.scalar(2)], `${name}/Pow`), b.ints([-1])], `${name}/ReduceMean`, {
    keepdims: 1,
  });
  const root = b.op("Sqrt", [b.op("Add", [mean, b.scalar(1e-5)], `${name}/Add`)], `${name}/Sqrt`);
  return b.op(
    "Mul",
    [b.op("Div", [x, root], `${name}/Div`), b.weight(`${name}.weight`, [size], "ones")],
    `${name}/Mul`,
  );
}

/** Rotary position embedding (Su et al., 2021): halves rotated by angles given as cos and sin [1, 1, sequence, size]. */
function rotary(b: Builder, x: string, cos: string, sin: string, size: number, name: string): string {
  const half = size / 2;
  const slice = (from: number, to: number, part: string): string =>
    b.op("Slice", [x, b.ints([from]), b.ints([to]), b.ints([3])], `${name}/Slice_${part}`);
  const turned = b.op(
    "Concat",
    [b.op("Neg", [slice(half, size, "high")], `${name}/Neg`), slice(0, half, "low")],
    `${name}/Concat`,
    { axis: 3 },
  );
  return b.op(
    "Add",
    [b.op("Mul", [x, cos], `${name}/Mul_cos`), b.op("Mul", [turned, sin], `${name}/Mul_sin`)],
    `${name}/Add`,
  );
}

function angles(b: Builder, sequence: number, past: number, size: number): { cos: string; sin: string } {
  const positions = b.op("Range", [b.scalar(past), b.scalar(past + sequence), b.scalar(1)], "rotary/positions");
  const exponents = b.op(
    "Div",
    [b.op("Range", [b.scalar(0), b.scalar(size / 2), b.scalar(1)], "rotary/index"), b.scalar(size / 2)],
    "rotary/exponent",
  );
  const frequency = b.op("Reciprocal", [b.op("Pow", [b.scalar(10_000), exponents], "rotary/Pow")], "rotary/frequency");
  const table = b.op("Mul", [b.op("Unsqueeze", [positions, b.ints([1])], "rotary/Unsqueeze"), frequency], "rotary/Mul");
  const both = b.reshape(
    b.op("Concat", [table, table], "rotary/Concat", { axis: 1 }),
    [1, 1, sequence, size],
    "rotary/Reshape",
  );
  return { cos: b.op("Cos", [both], "rotary/Cos"), sin: b.op("Sin", [both], "rotary/Sin") };
}

const swiglu = (b: Builder, x: string, name: string, hidden: number, inner: number): string => {
  const gate = b.linear(x, `${name}.gate_proj`, hidden, inner, false);
  const silu = b.op("Mul", [gate, b.op("Sigmoid", [gate], `${name}/Sigmoid`)], `${name}/Mul_silu`);
  return b.linear(
    b.op("Mul", [silu, b.linear(x, `${name}.up_proj`, hidden, inner, false)], `${name}/Mul`),
    `${name}.down_proj`,
    inner,
    hidden,
    false,
  );
};

const LLAMAS: Readonly<Record<string, Readonly<Record<string, OptionValue>>>> = {
  tiny: { layers: 2, hidden: 64, heads: 4, kv_heads: 2, inner: 176, vocab: 512 },
  "1b": { layers: 16, hidden: 2048, heads: 32, kv_heads: 8, inner: 8192, vocab: 128_256, tied: true },
  "3b": { layers: 28, hidden: 3072, heads: 24, kv_heads: 8, inner: 8192, vocab: 128_256, tied: true },
  "7b": {},
  "8b": { kv_heads: 8, inner: 14_336, vocab: 128_256 },
  "13b": { layers: 40, hidden: 5120, heads: 40, kv_heads: 40, inner: 13_824 },
  "70b": { layers: 80, hidden: 8192, heads: 64, kv_heads: 8, inner: 28_672 },
};

export const llama: Family = {
  name: "llama",
  summary: "Llama (Touvron et al., 2023): grouped-query attention, RoPE, RMSNorm, SwiGLU, key-value cache",
  options: [
    { name: "preset", default: "7b", description: "tiny, 1b, 3b, 7b, 8b, 13b or 70b" },
    { name: "layers", default: 32, description: "decoder layers" },
    { name: "hidden", default: 4096, description: "model width" },
    { name: "heads", default: 32, description: "query heads" },
    { name: "kv_heads", default: 32, description: "key and value heads" },
    { name: "inner", default: 11_008, description: "width of the feed-forward layer" },
    { name: "vocab", default: 32_000, description: "tokens in the vocabulary" },
    { name: "tied", default: false, description: "the output layer is the embedding" },
    ...DECODER,
  ],
  presets: LLAMAS,
  build(b, options) {
    const [hidden, inner] = [number(options, "hidden"), number(options, "inner")];
    const query = { heads: number(options, "heads"), size: hidden / number(options, "heads") };
    const shared = { heads: number(options, "kv_heads"), size: query.size };
    const groups = query.heads / shared.heads;
    const [batch, sequence, past] = [dim(options, "batch"), number(options, "sequence"), number(options, "past")];
    const table = b.weight("model.embed_tokens.weight", [number(options, "vocab"), hidden], "uniform", hidden);
    let x = b.op("Gather", [table, b.input("input_ids", "int64", [batch, sequence])], "model.embed_tokens/Gather");
    const { cos, sin } = angles(b, sequence, past, query.size);
    const mask = sequence > 1 ? causalMask(b, sequence, past) : undefined;
    /** Every key-value head serves `groups` query heads. */
    const repeat = (y: string, name: string): string => {
      if (groups === 1) return y;
      const wide = b.op(
        "Expand",
        [b.op("Unsqueeze", [y, b.ints([2])], `${name}/Unsqueeze`), b.ints([1, 1, groups, 1, 1])],
        `${name}/Expand`,
      );
      return b.reshape(wide, [0, query.heads, -1, query.size], `${name}/Reshape_groups`);
    };
    for (let layer = 0; layer < number(options, "layers"); layer++) {
      const name = `model.layers.${layer}`;
      const y = rmsNorm(b, x, `${name}.input_layernorm`, hidden);
      const project = (part: string, heads: Heads): string =>
        split(
          b,
          b.linear(y, `${name}.self_attn.${part}`, hidden, heads.heads * heads.size, false),
          heads,
          `${name}.self_attn.${part}`,
        );
      const q = rotary(b, project("q_proj", query), cos, sin, query.size, `${name}.self_attn.rotary_q`);
      const k = rotary(b, project("k_proj", shared), cos, sin, query.size, `${name}.self_attn.rotary_k`);
      const keys = repeat(cached(b, k, layer, "key", shared, options), `${name}.self_attn.keys`);
      const values = repeat(
        cached(b, project("v_proj", shared), layer, "value", shared, options),
        `${name}.self_attn.values`,
      );
      const context = merge(
        b,
        attention(b, q, keys, values, mask, query.size, `${name}.self_attn`),
        query,
        `${name}.self_attn/merge`,
      );
      x = b.op("Add", [x, b.linear(context, `${name}.self_attn.o_proj`, hidden, hidden, false)], `${name}/Add_attn`);
      x = b.op(
        "Add",
        [x, swiglu(b, rmsNorm(b, x, `${name}.post_attention_layernorm`, hidden), `${name}.mlp`, hidden, inner)],
        `${name}/Add_mlp`,
      );
    }
    x = rmsNorm(b, x, "model.norm", hidden);
    const logits =
      options.get("tied") === true
        ? b.op("MatMul", [x, b.transpose(table, [1, 0], "lm_head/Transpose")], "lm_head/MatMul")
        : b.linear(x, "lm_head", hidden, number(options, "vocab"), false);
    b.output("logits", logits, "float", [batch, sequence, number(options, "vocab")]);
    return "llama";
  },
};

export const moe: Family = {
  name: "moe",
  summary: "a Mixtral-style block (Jiang et al., 2024): top-k routing over SwiGLU experts, every expert computed",
  options: [
    { name: "hidden", default: 512, description: "model width" },
    { name: "inner", default: 1792, description: "width of each expert" },
    { name: "experts", default: 8, description: "experts" },
    { name: "top", default: 2, description: "experts that count for a token" },
    { name: "batch", default: 1, description: "sequences at once" },
    { name: "sequence", default: 128, description: "tokens a sequence" },
    SYMBOLIC,
  ],
  presets: {},
  build(b, options) {
    const [hidden, inner, experts, top] = ["hidden", "inner", "experts", "top"].map((name) =>
      number(options, name),
    ) as [number, number, number, number];
    const [batch, sequence] = [dim(options, "batch"), number(options, "sequence")];
    const input = b.input("hidden_states", "float", [batch, sequence, hidden]);
    const x = rmsNorm(b, input, "norm", hidden);
    const scores = b.op("Softmax", [b.linear(x, "gate", hidden, experts, false)], "gate/Softmax", { axis: -1 });
    const [best] = b.ops("TopK", [scores, b.ints([top])], ["gate/TopK", "gate/TopK_indices"], { axis: -1 }) as [
      string,
      string,
    ];
    // A token's gate is its score where it is among the best, else 0; the kept ones sum to 1.
    const least = b.op("ReduceMin", [best, b.ints([-1])], "gate/ReduceMin", { keepdims: 1 });
    const kept = b.op("Where", [b.op("Less", [scores, least], "gate/Less"), b.scalar(0), scores], "gate/Where");
    const gates = b.op(
      "Div",
      [kept, b.op("ReduceSum", [kept, b.ints([-1])], "gate/ReduceSum", { keepdims: 1 })],
      "gate/Div",
    );
    let sum: string | undefined;
    for (let e = 0; e < experts; e++) {
      const gate = b.op("Slice", [gates, b.ints([e]), b.ints([e + 1]), b.ints([2])], `experts.${e}/gate`);
      const out = b.op("Mul", [swiglu(b, x, `experts.${e}`, hidden, inner), gate], `experts.${e}/Mul_gate`);
      sum = sum === undefined ? out : b.op("Add", [sum, out], `experts.${e}/Add`);
    }
    b.output("output", b.op("Add", [input, sum!], "Add_residual"), "float", [batch, sequence, hidden]);
    return "moe_block";
  },
};

export const sdUnetBlock: Family = {
  name: "sd-unet-block",
  summary:
    "a block of a latent diffusion U-Net (Rombach et al., 2022): ResBlock with GroupNorm and time embedding, then self- and cross-attention",
  options: [
    { name: "channels", default: 320, description: "channels" },
    { name: "size", default: 64, description: "height and width of the latent" },
    { name: "heads", default: 8, description: "attention heads" },
    { name: "context", default: 768, description: "width of the text embedding" },
    { name: "tokens", default: 77, description: "tokens of the text" },
    { name: "groups", default: 32, description: "groups of the normalisation" },
    { name: "batch", default: 1, description: "latents at once" },
    SYMBOLIC,
  ],
  presets: {},
  build(b, options) {
    const [channels, size, count, context, tokens, groups] = [
      "channels",
      "size",
      "heads",
      "context",
      "tokens",
      "groups",
    ].map((name) => number(options, name)) as [number, number, number, number, number, number];
    const batch = dim(options, "batch");
    const heads = { heads: count, size: channels / count };
    const input = b.input("sample", "float", [batch, channels, size, size]);
    const time = b.input("time_embedding", "float", [batch, 4 * channels]);
    const text = b.input("encoder_hidden_states", "float", [batch, tokens, context]);
    const norm = (x: string, name: string): string =>
      b.op(
        "GroupNormalization",
        [x, b.weight(`${name}.weight`, [channels], "ones"), b.weight(`${name}.bias`, [channels], "zeros")],
        `${name}/GroupNormalization`,
        { num_groups: groups, epsilon: { float: 1e-5 } },
      );
    const silu = (x: string, name: string): string =>
      b.op("Mul", [x, b.op("Sigmoid", [x], `${name}/Sigmoid`)], `${name}/Mul`);
    const conv = (x: string, name: string, kernel: number): string => {
      const pad = (kernel - 1) / 2;
      return b.op(
        "Conv",
        [
          x,
          b.weight(`${name}.weight`, [channels, channels, kernel, kernel]),
          b.weight(`${name}.bias`, [channels], "zeros"),
        ],
        `${name}/Conv`,
        { kernel_shape: [kernel, kernel], pads: [pad, pad, pad, pad] },
      );
    };
    let h = conv(silu(norm(input, "resnet.norm1"), "resnet.act1"), "resnet.conv1", 3);
    const shift = b.op(
      "Unsqueeze",
      [b.linear(silu(time, "resnet.time_act"), "resnet.time_emb_proj", 4 * channels, channels), b.ints([2, 3])],
      "resnet/Unsqueeze",
    );
    h = conv(silu(norm(b.op("Add", [h, shift], "resnet/Add_time"), "resnet.norm2"), "resnet.act2"), "resnet.conv2", 3);
    const residual = b.op("Add", [input, h], "resnet/Add");
    let x = b.transpose(
      b.reshape(conv(norm(residual, "attn.norm"), "attn.proj_in", 1), [0, channels, size * size], "attn/Reshape_in"),
      [0, 2, 1],
      "attn/Transpose_in",
    );
    const attend = (name: string, source: (normed: string) => string, width: number): void => {
      const y = b.layerNorm(x, `${name}.norm`, channels);
      const from = source(y);
      const q = split(b, b.linear(y, `${name}.to_q`, channels, channels, false), heads, `${name}.to_q`);
      const k = split(b, b.linear(from, `${name}.to_k`, width, channels, false), heads, `${name}.to_k`);
      const v = split(b, b.linear(from, `${name}.to_v`, width, channels, false), heads, `${name}.to_v`);
      x = b.op(
        "Add",
        [
          x,
          b.linear(
            merge(b, attention(b, q, k, v, undefined, heads.size, name), heads, name),
            `${name}.to_out`,
            channels,
            channels,
          ),
        ],
        `${name}/Add`,
      );
    };
    attend("attn1", (y) => y, channels);
    attend("attn2", () => text, context);
    const [value, gate] = b.ops(
      "Split",
      [
        b.linear(b.layerNorm(x, "ff.norm", channels), "ff.net.0.proj", channels, 8 * channels),
        b.ints([4 * channels, 4 * channels]),
      ],
      ["ff/Split", "ff/Split_gate"],
      { axis: 2 },
    ) as [string, string];
    x = b.op(
      "Add",
      [x, b.linear(b.op("Mul", [value, gelu(b, gate, "ff.gelu")], "ff/Mul"), "ff.net.2", 4 * channels, channels)],
      "ff/Add",
    );
    const back = b.reshape(
      b.transpose(x, [0, 2, 1], "attn/Transpose_out"),
      [0, channels, size, size],
      "attn/Reshape_out",
    );
    b.output("output", b.op("Add", [residual, conv(back, "attn.proj_out", 1)], "attn/Add_out"), "float", [
      batch,
      channels,
      size,
      size,
    ]);
    return "sd_unet_block";
  },
};
