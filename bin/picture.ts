/** Pictures: SVG as it is, PNG by the optional package @resvg/resvg-js. */
import { providerMissing } from "../src/errors.ts";
import { isAbsent, places } from "../src/runtime/optional.ts";
import { writeWhole } from "./files.ts";

const PACKAGE = "@resvg/resvg-js";

interface Resvg {
  readonly Resvg: new (svg: string) => { render(): { asPng(): Uint8Array } };
}

/** Writes the picture in the format that the name asks for. */
export async function writePicture(path: string, svg: string): Promise<void> {
  if (!path.endsWith(".png")) return writeWhole(path, svg);
  for (const require of places()) {
    try {
      const { Resvg } = require(PACKAGE) as Resvg;
      return await writeWhole(path, new Resvg(svg).render().asPng());
    } catch (cause) {
      if (!isAbsent(cause, PACKAGE)) throw cause;
    }
  }
  throw providerMissing(PACKAGE, "a PNG picture", [`npm install ${PACKAGE}`]);
}
