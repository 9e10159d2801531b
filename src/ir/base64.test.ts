import * as fc from "fast-check";
import { expect, test } from "vitest";
import { fromBase64, toBase64 } from "./base64.ts";

test("writes what Node writes, and reads it back", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const text = Buffer.from(bytes).toString("base64");
      expect(toBase64(bytes)).toBe(text);
      expect(fromBase64(text)).toEqual(bytes);
    }),
  );
});

test("reads what has lost its padding, or is followed by something else, as Node does", () => {
  for (const text of ["", "QQ", "QUI", "QUJD", "QQ==", "QUI=", "Q"])
    expect([text, ...fromBase64(text)]).toEqual([text, ...Buffer.from(text, "base64")]);
});
