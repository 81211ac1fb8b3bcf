import type { Dataset } from "../data/dataset.ts";
import type { DatasetSpec } from "../data/dataset-spec.ts";
export interface DatasetEnvironment {
  /** Where the user keeps data (`--data`, `SHOAL_DATA`). */
  readonly dataFolder?: string | undefined;
  /** Where downloads are kept; made when missing. */
  readonly cacheFolder: string;
  /** Start of relative paths in a specification; default the working folder. */
  readonly baseFolder?: string | undefined;
  /** Default the platform's fetch. */
  readonly fetch?: typeof fetch | undefined;
  /** One line for people, such as a download's start. */
  readonly log?: ((line: string) => void) | undefined;
}
export declare function loadDataset(spec: DatasetSpec, environment: DatasetEnvironment): Promise<Dataset>;
