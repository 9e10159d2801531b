/** Curves over steps as an SVG: panels above each other, one scale each. */

export interface Curve {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Panel {
  readonly title: string;
  readonly curves: readonly Curve[];
}

const WIDTH = 720;
const HEIGHT = 240;
const LEFT = 64;
const RIGHT = 150;
const TOP = 36;
const BOTTOM = 32;
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];

const escape = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
const short = (x: number): string => String(Number(x.toPrecision(3)));

/** One SVG document. Points that are not finite are left out. */
export function curvesSvg(panels: readonly Panel[], xLabel: string): string {
  const parts = panels.map((panel, k) => drawPanel(panel, k * HEIGHT, xLabel));
  const height = Math.max(1, panels.length) * HEIGHT;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#ffffff"/>
${parts.join("\n")}
</svg>
`;
}

function drawPanel({ title, curves }: Panel, top: number, xLabel: string): string {
  const finite = curves.map(({ name, points }) => ({
    name,
    points: points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y)),
  }));
  const all = finite.flatMap(({ points }) => points);
  const lines = [`<text x="${LEFT}" y="${top + 20}" font-weight="bold">${escape(title)}</text>`];
  if (all.length === 0) return lines.concat(`<text x="${LEFT}" y="${top + 60}">nothing yet</text>`).join("\n");
  const lowX = all.reduce((least, [x]) => Math.min(least, x), Infinity);
  const highX = all.reduce((most, [x]) => Math.max(most, x), -Infinity);
  const highY = all.reduce((most, [, y]) => Math.max(most, y), 0) || 1;
  const lowY = all.reduce((least, [, y]) => Math.min(least, y), 0);
  const x = (value: number): string =>
    (LEFT + ((value - lowX) / (highX - lowX || 1)) * (WIDTH - LEFT - RIGHT)).toFixed(1);
  const y = (value: number): string =>
    (top + HEIGHT - BOTTOM - ((value - lowY) / (highY - lowY)) * (HEIGHT - TOP - BOTTOM)).toFixed(1);
  for (let k = 0; k <= 4; k++) {
    const value = lowY + ((highY - lowY) * k) / 4;
    lines.push(
      `<path d="M${LEFT} ${y(value)}H${WIDTH - RIGHT}" stroke="#dddddd"/>`,
      `<text x="${LEFT - 6}" y="${Number(y(value)) + 4}" text-anchor="end">${short(value)}</text>`,
    );
  }
  for (const value of [lowX, (lowX + highX) / 2, highX])
    lines.push(`<text x="${x(value)}" y="${top + HEIGHT - BOTTOM + 16}" text-anchor="middle">${short(value)}</text>`);
  lines.push(`<text x="${WIDTH - RIGHT + 8}" y="${top + HEIGHT - BOTTOM + 16}">${escape(xLabel)}</text>`);
  finite.forEach(({ name, points }, k) => {
    const colour = COLOURS[k % COLOURS.length]!;
    const path = points.map((point, i) => `${i === 0 ? "M" : "L"}${x(point[0])} ${y(point[1])}`).join("");
    lines.push(
      `<path d="${path}" fill="none" stroke="${colour}" stroke-width="1.5"/>`,
      `<text x="${WIDTH - RIGHT + 8}" y="${top + TOP + 4 + 16 * k}" fill="${colour}">${escape(name)}</text>`,
    );
  });
  return lines.join("\n");
}
