/** Data sets of sparse rows. */
import type { TargetKind } from "./table-spec.ts";

/** What stands in for files that are not there, so that an example runs anywhere; the log says so. */
export interface SparseSubstitute {
  readonly samples: number;
  readonly testSamples: number;
}

/** Lines of `label index:value …` with indices from 1, as LIBSVM writes them. */
export interface LibsvmDatasetSpec {
  readonly type: "libsvm";
  readonly file: string;
  /** Without it every tenth row of `file` is a test row. */
  readonly testFile?: string | undefined;
  /** Greatest index that may occur; default the greatest that does. */
  readonly features?: number | undefined;
  /** `class`: numbers that stand for classes, in ascending order (−1 and +1 become 0 and 1). Default `class`. */
  readonly labelKind?: TargetKind | undefined;
  /** Generated rows where neither file is found; needs `features`. Default: an error. */
  readonly substitute?: SparseSubstitute | undefined;
}

/** Most features of sparse rows. */
export const featureLimit: number = 2 ** 24;
