/** SVG -> PNG by resvg, an optional package. */
import { providerMissing } from "../src/errors.ts";

/** Throws InputError `provider-missing` where @resvg/resvg-js is not installed. */
export async function pngOf(svg: string): Promise<Uint8Array> {
  const { Resvg } = await import("@resvg/resvg-js").catch((cause: unknown) => {
    throw providerMissing(
      "@resvg/resvg-js",
      "a plot as PNG",
      ["npm install @resvg/resvg-js@2.6.2"],
      ["a plot as SVG needs no package: --plot FILE.svg"],
      cause,
    );
  });
  return new Resvg(svg, { font: { loadSystemFonts: true, defaultFontFamily: "sans-serif" } }).render().asPng();
}
