import type { Dataset } from "./dataset.ts";
import type { DigitsDatasetSpec } from "./dataset-spec.ts";
export declare function generateDigits(spec?: Omit<DigitsDatasetSpec, "type">): Dataset;
