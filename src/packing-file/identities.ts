/** Ids seen so far. Most files number their buffers: a bitmap holds those at a bit each. */
export interface Identities {
  /** False where the number was there before; `number` is the id's value where it is a canonical index, or -1. */
  add(number: number, text: () => string): boolean;
}

export function identities(): Identities {
  let bits = new Uint32Array(1024);
  const others = new Set<string | number>();
  // A lone large number must not make the bitmap large: beyond it, numbers are kept one by one.
  let most = 1 << 15;
  return {
    add(number, text) {
      most += 64;
      if (number < 0 || number >= most) {
        const key = number < 0 ? text() : number;
        if (others.has(key)) return false;
        others.add(key);
        return true;
      }
      const word = number >>> 5;
      if (word >= bits.length) {
        const grown = new Uint32Array(Math.max(word + 1, bits.length * 2));
        grown.set(bits);
        bits = grown;
      }
      const bit = 1 << (number & 31);
      if ((bits[word]! & bit) !== 0 || others.has(number)) return false;
      bits[word]! |= bit;
      return true;
    },
  };
}
