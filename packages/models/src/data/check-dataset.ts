/** Whether a model and a data set fit together; asked before a job starts. */
import { ShoalError } from "@shoal/errors";
import { outputsOf, type ModelSpec } from "../spec/model-spec.ts";
import type { Dataset } from "./dataset.ts";

/** @throws ShoalError invalid_argument when widths, classes or the kind of loss do not fit */
export function checkDatasetFits(spec: ModelSpec, dataset: Pick<Dataset, "name" | "features" | "classes">): void {
  const outputs = outputsOf(spec);
  const { name, features, classes } = dataset;
  const fail = (path: string, sentence: string): never => {
    throw new ShoalError("invalid_argument", `${path}: ${sentence}`, { path });
  };
  if (spec.inputs !== features) {
    fail("model.inputs", `expected ${features}, the features of a sample of ${name}, got ${spec.inputs}`);
  }
  const loss = spec.loss.type;
  if (loss === "softmax_cross_entropy" && classes === 0) {
    fail("model.loss.type", `${name} has numbers to predict, not classes; expected mean_squared_error or huber`);
  }
  if (loss === "softmax_cross_entropy" && outputs < classes) {
    fail("model.layers", `expected at least ${classes} outputs, the classes of ${name}, got ${outputs}`);
  }
  const targets = classes <= 2 ? 1 : classes;
  if (loss !== "softmax_cross_entropy" && outputs !== targets && outputs !== classes) {
    fail("model.layers", `expected ${targets} outputs, the targets of ${name}, got ${outputs}`);
  }
}
