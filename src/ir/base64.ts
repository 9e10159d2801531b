/** Base64 (RFC 4648, padded) of bytes, the same in Node and browsers. Plans hold small constants in it. */

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

const VALUES = new Uint8Array(128);
for (let i = 0; i < DIGITS.length; i++) VALUES[DIGITS.charCodeAt(i)] = i;

export function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i;
    const word = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    text += DIGITS[word >> 18]! + DIGITS[(word >> 12) & 63]!;
    text += left > 1 ? DIGITS[(word >> 6) & 63]! : "=";
    text += left > 2 ? DIGITS[word & 63]! : "=";
  }
  return text;
}

/** The bytes of a text; characters that are no digits end it, as padding does. */
export function fromBase64(text: string): Uint8Array {
  const digits = /^[A-Za-z0-9+/]*/.exec(text)![0].length;
  const bytes = new Uint8Array(Math.floor((digits * 3) / 4));
  for (let i = 0, at = 0; at < bytes.length; i += 4) {
    const value = (k: number): number => (i + k < digits ? VALUES[text.charCodeAt(i + k)]! : 0);
    const word = (value(0) << 18) | (value(1) << 12) | (value(2) << 6) | value(3);
    for (let shift = 16; shift >= 0 && at < bytes.length; shift -= 8) bytes[at++] = (word >> shift) & 255;
  }
  return bytes;
}
