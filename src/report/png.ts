/** SVG -> PNG, by @resvg/resvg-js, which the user installs for it. */
import { rendererMissing } from "../errors.ts";

/** The bytes of a PNG twice as large as the SVG says. Throws InputError `renderer-missing`. */
export async function renderPng(svg: string): Promise<Uint8Array> {
  let resvg: typeof import("@resvg/resvg-js");
  try {
    resvg = await import("@resvg/resvg-js");
  } catch (cause) {
    throw rendererMissing(cause);
  }
  const rendered = new resvg.Resvg(svg, {
    fitTo: { mode: "zoom", value: 2 },
    font: { loadSystemFonts: true, defaultFontFamily: "DejaVu Sans" },
  });
  return rendered.render().asPng();
}
