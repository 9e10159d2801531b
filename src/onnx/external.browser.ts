/** The twin of external.ts for browsers, which have no folders: external data can be planned, not read. */
import { externalDataMissing } from "../errors.ts";
import type { ExternalFolder } from "./external-range.ts";

export const externalFolder = (): ExternalFolder => ({
  check() {},
  read(tensor, { location }) {
    throw externalDataMissing(tensor, location, undefined);
  },
});
