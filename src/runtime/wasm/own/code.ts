/**
 * WebAssembly code as expressions: each function gives the bytes of an instruction with its operands
 * before it, so that what is written nests as it computes. Opcodes: WebAssembly core 2.0, section 5.4.
 */
export type Code = readonly number[];

/** A parameter or local of the function at hand, by index. */
export interface Local {
  readonly index: number;
  readonly type: ValueType;
}

export type ValueType = "i32" | "f32" | "v128";

export const TYPE_CODES: Readonly<Record<ValueType, number>> = { i32: 0x7f, f32: 0x7d, v128: 0x7b };

/** Unsigned LEB128. */
export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest & 0x7f;
    rest >>>= 7;
    bytes.push(rest === 0 ? low : low | 0x80);
  } while (rest !== 0);
  return bytes;
}

function signed(value: number): number[] {
  const bytes: number[] = [];
  let rest = value | 0;
  for (;;) {
    const low = rest & 0x7f;
    rest >>= 7;
    const done = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0);
    bytes.push(done ? low : low | 0x80);
    if (done) return bytes;
  }
}

const floatBytes = (value: number): number[] => [...new Uint8Array(Float32Array.of(value).buffer)];

export const seq = (...codes: readonly Code[]): Code => codes.flat();

export const get = ({ index }: Local): Code => [0x20, ...unsigned(index)];
export const set = ({ index }: Local, value: Code): Code => [...value, 0x21, ...unsigned(index)];

const op =
  (...code: readonly number[]) =>
  (...operands: readonly Code[]): Code => [...operands.flat(), ...code];
const simd = (code: number): ((...operands: readonly Code[]) => Code) => op(0xfd, ...unsigned(code));

/** i32 arithmetic. */
export const int = (value: number): Code => [0x41, ...signed(value)];
export const add = op(0x6a);
export const sub = op(0x6b);
export const mul = op(0x6c);
export const and = op(0x71);
export const equalI = op(0x46);
const geS = op(0x4e);

/** select: the first where the condition holds. */
export const choose = (a: Code, b: Code, condition: Code): Code => [...a, ...b, ...condition, 0x1b];
const lessS = op(0x48);
export const minI = (a: Code, b: Code): Code => choose(a, b, lessS(a, b));
export const maxI = (a: Code, b: Code): Code => choose(b, a, lessS(a, b));

/** f32 arithmetic. */
export const float = (value: number): Code => [0x43, ...floatBytes(value)];
export const addF = op(0x92);
export const subF = op(0x93);
export const mulF = op(0x94);
export const divF = op(0x95);
export const sqrtF = op(0x91);
export const greaterF = op(0x5e);
export const toFloat = op(0xb2);
export const loadF = (address: Code, offset = 0): Code => [...address, 0x2a, 2, ...unsigned(offset)];

/** f32x4 arithmetic. */
export const load = (address: Code, offset = 0): Code => [...address, 0xfd, 0, 2, ...unsigned(offset)];
export const store = (address: Code, value: Code, offset = 0): Code => [
  ...address,
  ...value,
  0xfd,
  11,
  2,
  ...unsigned(offset),
];
/** One float in all lanes. */
export const loadSplat = (address: Code, offset = 0): Code => [...address, 0xfd, 9, 2, ...unsigned(offset)];
/** One float in lane 0, zeros in the others. */
export const loadOne = (address: Code, offset = 0): Code => [
  ...address,
  0xfd,
  ...unsigned(0x5c),
  2,
  ...unsigned(offset),
];
/** Stores lane 0. */
export const storeOne = (address: Code, value: Code, offset = 0): Code => [
  ...address,
  ...value,
  0xfd,
  ...unsigned(0x5a),
  2,
  ...unsigned(offset),
  0,
];
export const splat = simd(0x13);
export const lane = (value: Code, index: number): Code => [...value, 0xfd, 0x1f, index];
export const vector = (value: number): Code => {
  const bytes = floatBytes(value);
  return [0xfd, 0x0c, ...bytes, ...bytes, ...bytes, ...bytes];
};
export const intVector = (value: number): Code => {
  const bytes = [...new Uint8Array(Int32Array.of(value).buffer)];
  return [0xfd, 0x0c, ...bytes, ...bytes, ...bytes, ...bytes];
};
export const addV = simd(0xe4);
export const subV = simd(0xe5);
export const mulV = simd(0xe6);
export const divV = simd(0xe7);
export const minV = simd(0xe8);
export const maxV = simd(0xe9);
/** The second where it is more, else the first: a NaN that comes second is passed over. One instruction, where maxV takes eight. */
export const moreV = simd(0xeb);
export const absV = simd(0xe0);
export const negV = simd(0xe1);
export const sqrtV = simd(0xe3);
export const nearestV = simd(0x6a);
export const truncV = simd(0xf8);
export const lessV = simd(0x43);
/** The first without the bits of the second. */
export const withoutV = simd(0x4f);
/** Bits of the first where the third has ones, of the second elsewhere. */
export const selectV = simd(0x52);
export const equalInts = simd(0x37);
/** Four bytes at an address, as four integers. */
export const loadBytes = (address: Code): Code => [
  ...loadOne(address),
  0xfd,
  ...unsigned(0x89),
  0xfd,
  ...unsigned(0xa9),
];
/** One byte in all lanes, as integers. */
export const loadByteSplat = (address: Code): Code => [...address, 0x2d, 0, 0, 0xfd, 0x11];
/** Lanes of two vectors: 0 to 3 of the first, 4 to 7 of the second. */
export const shuffle = (a: Code, b: Code, lanes: readonly number[]): Code => [
  ...a,
  ...b,
  0xfd,
  0x0d,
  ...lanes.flatMap((index) => [4 * index, 4 * index + 1, 4 * index + 2, 4 * index + 3]),
];
export const addInts = simd(0xae);
export const shiftLeft = simd(0xab);

/** Sum of the four lanes. */
export const sumLanes = (value: Local): Code =>
  addF(addF(lane(get(value), 0), lane(get(value), 1)), addF(lane(get(value), 2), lane(get(value), 3)));

export const maxF = op(0x97);
/** Largest of the four lanes. */
export const maxLanes = (value: Local): Code =>
  maxF(maxF(lane(get(value), 0), lane(get(value), 1)), maxF(lane(get(value), 2), lane(get(value), 3)));

const minF = op(0x96);
/** Smallest of the four lanes. */
export const minLanes = (value: Local): Code =>
  minF(minF(lane(get(value), 0), lane(get(value), 1)), minF(lane(get(value), 2), lane(get(value), 3)));

/** The sums of the lanes of four vectors, in the lanes of one. */
export function sumsOf(vectors: readonly Local[]): Code {
  const [a, b, c, d] = vectors.map(get) as [Code, Code, Code, Code];
  const pair = (x: Code, y: Code): Code => addV(shuffle(x, y, [0, 4, 1, 5]), shuffle(x, y, [2, 6, 3, 7]));
  // pair(x, y) leaves half sums x, y, x, y.
  const [low, high] = [pair(a, b), pair(c, d)];
  return addV(shuffle(low, high, [0, 1, 4, 5]), shuffle(low, high, [2, 3, 6, 7]));
}

/** `for (; counter < end; counter += step) body`, from where `counter` stands. */
export const forUp = (counter: Local, end: Code, step: number, body: Code): Code =>
  seq(
    [0x02, 0x40, 0x03, 0x40],
    geS(get(counter), end),
    [0x0d, 1],
    body,
    set(counter, add(get(counter), int(step))),
    [0x0c, 0, 0x0b, 0x0b],
  );

/** Bytes of a row that whole vectors of four floats make up. */
export const whole = (bytes: Local): Code => sub(get(bytes), and(get(bytes), int(15)));

/**
 * `step` at each offset of a row of floats, left in `at`, from where it stands: four at a time, then those left. It gets how to
 * read and to write an address.
 */
export const alongRow = (
  at: Local,
  bytes: Local,
  step: (read: (address: Code) => Code, write: (address: Code, value: Code) => Code) => Code,
): Code =>
  seq(
    forUp(
      at,
      whole(bytes),
      16,
      step(
        (address) => load(address),
        (address, value) => store(address, value),
      ),
    ),
    forUp(
      at,
      get(bytes),
      4,
      step(
        (address) => loadOne(address),
        (address, value) => storeOne(address, value),
      ),
    ),
  );

/** Sets the floats of a row to what `value` makes at the offset in `at`; `bytes` of the row, `y` its address. */
export const setRow = (y: Local, at: Local, bytes: Local, value: (read: (address: Code) => Code) => Code): Code =>
  seq(
    set(at, int(0)),
    alongRow(at, bytes, (read, write) => write(add(get(y), get(at)), value(read))),
  );
