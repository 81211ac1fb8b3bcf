/** Norms and softmax. */
import type { BatchNormLayer } from "../layers/batch-norm.ts";
import type { LayerNormLayer } from "../layers/layer-norm.ts";
import type { RmsNormLayer } from "../layers/rms-norm.ts";
import type { SoftmaxLayer } from "../layers/softmax.ts";
import { firstInput, type LayerWriter } from "./write-layer.ts";

const usualEpsilon = 1e-5;
const rmsEpsilon = 1e-6;

/** With the running statistics, as the model is used. */
export const writeBatchNorm: LayerWriter<BatchNormLayer> = ({ epsilon = usualEpsilon }, site) =>
  site.list.add("BatchNormalization", [firstInput(site), ...site.parameters], { epsilon: { float: epsilon } });

export const writeLayerNorm: LayerWriter<LayerNormLayer> = ({ epsilon = usualEpsilon }, site) =>
  site.list.add("LayerNormalization", [firstInput(site), ...site.parameters], {
    axis: -1,
    epsilon: { float: epsilon },
  });

/** x / √(mean of x² + ε) · weight, written out: its own operator is younger than many runtimes. */
export const writeRmsNorm: LayerWriter<RmsNormLayer> = ({ epsilon = rmsEpsilon }, site) => {
  const { list } = site;
  const x = firstInput(site);
  const mean = list.add("ReduceMean", [list.add("Mul", [x, x])], { axes: [-1], keepdims: 1 });
  const root = list.add("Sqrt", [list.add("Add", [mean, list.floats([epsilon], [])])]);
  return list.add("Mul", [list.add("Div", [x, root]), ...site.parameters]);
};

export const writeSoftmax: LayerWriter<SoftmaxLayer> = (_layer, site) =>
  site.list.add("Softmax", [firstInput(site)], { axis: -1 });
