/** The update rule that a specification names, and its weight decay. */
import { ShoalError } from "@shoal/errors";
import { createAccumulate } from "./accumulate.ts";
import { createAdadelta } from "./adadelta.ts";
import { createAdagrad } from "./adagrad.ts";
import { createAdam } from "./adam.ts";
import { createAverage } from "./average.ts";
import { createFedAdagrad, createFedAdam, createFedYogi } from "./fedopt.ts";
import { createFedAvgM } from "./fedavgm.ts";
import { createFtrl } from "./ftrl.ts";
import { createLamb } from "./lamb.ts";
import { createLars } from "./lars.ts";
import { parseOptimizerSpec, type OptimizerSpec, type ResolvedOptimizerSpec } from "./optimizer-spec.ts";
import { createRmsprop } from "./rmsprop.ts";
import { createSgd } from "./sgd.ts";
import type { UpdateRule } from "./update-rule.ts";

export function ruleOf(spec: ResolvedOptimizerSpec): UpdateRule {
  switch (spec.name) {
    case "sgd":
      return createSgd(spec);
    case "adam":
    case "adamw":
      return createAdam(spec);
    case "adagrad":
      return createAdagrad(spec);
    case "rmsprop":
      return createRmsprop(spec);
    case "adadelta":
      return createAdadelta(spec);
    case "lamb":
      return createLamb(spec);
    case "lars":
      return createLars(spec);
    case "ftrl":
      return createFtrl(spec);
    case "accumulate":
      return createAccumulate(spec);
    case "average":
      return createAverage();
    case "fedavgm":
      return createFedAvgM(spec);
    case "fedadagrad":
      return createFedAdagrad(spec);
    case "fedadam":
      return createFedAdam(spec);
    case "fedyogi":
      return createFedYogi(spec);
  }
}

/** Vectors, each as long as the values, that an optimiser keeps. */
export function slotVectors(spec: OptimizerSpec): number {
  return ruleOf(parseOptimizerSpec(spec)).slotNames.length;
}

/** True when a step takes the norm of a layer's values: a layer then must not be split between two optimisers. */
export function isLayerwise(spec: OptimizerSpec): boolean {
  return spec.name === "lamb" || spec.name === "lars";
}

/** Optimisers whose papers have no weight decay. */
const withoutDecay = ["accumulate", "average", "fedavgm", "fedadagrad", "fedadam", "fedyogi"] as const;

type Decaying = Exclude<ResolvedOptimizerSpec, { readonly name: (typeof withoutDecay)[number] }>;

/** False where the optimiser's paper has no weight decay: a parameter group cannot ask for one then. */
export function hasWeightDecay(spec: ResolvedOptimizerSpec): spec is Decaying {
  return !(withoutDecay as readonly string[]).includes(spec.name);
}

/**
 * The same optimiser with another weight decay: L2 or decoupled as it defines it, `l2` of `ftrl`.
 * @throws ShoalError invalid_argument - for `accumulate`, `average` and the server optimisers, which have none
 */
export function withWeightDecay(spec: OptimizerSpec, weightDecay: number): ResolvedOptimizerSpec {
  const resolved = parseOptimizerSpec(spec);
  if (!hasWeightDecay(resolved)) {
    const sentence = `weightDecay: expected none, because the optimiser ${resolved.name} has no weight decay`;
    throw new ShoalError("invalid_argument", sentence, { field: "weightDecay" });
  }
  return resolved.name === "ftrl" ? { ...resolved, l2: weightDecay } : { ...resolved, weightDecay };
}
