/** Guesses what a file is that is no ONNX model, to say so in the error. Never used to decide anything. */

const startsWith = (bytes: Uint8Array, magic: readonly number[], at = 0): boolean =>
  magic.every((byte, i) => bytes[at + i] === byte);

const ascii = (text: string): number[] => Array.from(text, (c) => c.charCodeAt(0));

interface Format {
  readonly magic: readonly number[];
  readonly at?: number;
  readonly hint: string;
}

const FORMATS: readonly Format[] = [
  { magic: [0x1f, 0x8b], hint: "this is a gzip file: unpack it first" },
  {
    magic: ascii("PK\u0003\u0004"),
    hint: "this is a zip archive (perhaps a PyTorch checkpoint or an npz): unpack it, or export the model to ONNX",
  },
  { magic: [0x89, ...ascii("HDF")], hint: "this is an HDF5 file (perhaps of Keras): convert it with tf2onnx" },
  { magic: [0x28, 0xb5, 0x2f, 0xfd], hint: "this is a Zstandard file: unpack it first" },
  { magic: [0xfd, ...ascii("7zXZ")], hint: "this is an xz file: unpack it first" },
  { magic: ascii("BZh"), hint: "this is a bzip2 file: unpack it first" },
  { magic: ascii("ustar"), at: 257, hint: "this is a tar archive: unpack it first" },
  { magic: ascii('{"'), at: 8, hint: "this is a safetensors file: weights without a graph; export the model to ONNX" },
  { magic: ascii("GGUF"), hint: "this is a GGUF file: weights without an ONNX graph" },
  { magic: ascii("TFL3"), at: 4, hint: "this is a TensorFlow Lite model: convert it with tf2onnx" },
  { magic: ascii("ORTM"), at: 4, hint: "this is a model in the ORT format: use the .onnx file that it was made from" },
  { magic: [0x93, ...ascii("NUMPY")], hint: "this is a NumPy array, not a model" },
  { magic: [0x80, 0x02], hint: "this looks like a Python pickle: export the model to ONNX" },
  {
    magic: ascii("version https://git-lfs"),
    hint: "this is a Git LFS pointer: fetch the file itself with git lfs pull",
  },
];

/** Whether the first bytes are all printable ASCII, tabs or line ends. */
const looksLikeText = (bytes: Uint8Array): boolean =>
  bytes.subarray(0, 256).every((byte) => (byte >= 32 && byte < 127) || byte === 9 || byte === 10 || byte === 13);

/** What to tell the user about these bytes; undefined where nothing is recognised. */
export function formatHint(bytes: Uint8Array): string | undefined {
  if (bytes.length === 0) return "the file is empty: was it written or fetched to the end?";
  const known = FORMATS.find((format) => startsWith(bytes, format.magic, format.at));
  if (known !== undefined) return known.hint;
  return looksLikeText(bytes) ? "this is a text file: a binary .onnx file is wanted" : undefined;
}
