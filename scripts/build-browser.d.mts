/** Bundles src/browser.ts into `outdir`; resolves to the bytes of each file, by name. */
export function buildBrowser(outdir: string): Promise<ReadonlyMap<string, number>>;
