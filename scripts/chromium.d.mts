export type Chromium =
  | {
      readonly executable: string;
      readonly args: readonly string[];
      readonly env: Readonly<Record<string, string | undefined>>;
      readonly reason?: undefined;
    }
  | { readonly reason: string };
export function findChromium(): Chromium;
