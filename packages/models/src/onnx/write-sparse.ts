/** Layers on sparse rows, which are dense rows here: [batch, features]. */
import type { FactorPairsLayer } from "../layers/factor-pairs.ts";
import type { SparseDenseLayer } from "../layers/sparse-dense.ts";
import { firstInput, type LayerWriter } from "./write-layer.ts";

export const writeSparseDense: LayerWriter<SparseDenseLayer> = (_layer, site) =>
  site.list.add("Gemm", [firstInput(site), ...site.parameters]);

/** ½ Σ over factors of ((x·V)² − x²·V²) */
export const writeFactorPairs: LayerWriter<FactorPairsLayer> = (_layer, site) => {
  const { list } = site;
  const [factors = ""] = site.parameters;
  const x = firstInput(site);
  const square = (value: string): string => list.add("Mul", [value, value]);
  const together = square(list.add("MatMul", [x, factors]));
  const alone = list.add("MatMul", [square(x), square(factors)]);
  const sum = list.add("ReduceSum", [list.add("Sub", [together, alone]), list.integers([1])], { keepdims: 1 });
  return list.add("Mul", [sum, list.floats([0.5], [])]);
};
