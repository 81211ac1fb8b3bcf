/** Layers on images [channels, height, width]. */
import type { AveragePoolLayer } from "../layers/average-pool.ts";
import type { ConvolutionLayer } from "../layers/convolution.ts";
import type { GlobalAveragePoolLayer } from "../layers/global-average-pool.ts";
import { axesOf } from "../layers/image-input.ts";
import type { MaxPoolLayer } from "../layers/max-pool.ts";
import { writeActivation } from "./write-activation.ts";
import { firstInput, type LayerWriter, type OnnxSite } from "./write-layer.ts";

export const writeConvolution: LayerWriter<ConvolutionLayer> = (layer, site) => {
  const [top, left] = axesOf(layer.padding ?? 0);
  const sums = site.list.add("Conv", [firstInput(site), ...site.parameters], {
    kernel_shape: axesOf(layer.kernel),
    strides: axesOf(layer.stride ?? 1),
    pads: [top, left, top, left],
  });
  return writeActivation(site.list, sums, layer.activation);
};

function writePool(operator: string, { kernel, stride }: MaxPoolLayer | AveragePoolLayer, site: OnnxSite): string {
  return site.list.add(operator, [firstInput(site)], {
    kernel_shape: axesOf(kernel),
    strides: axesOf(stride ?? kernel),
  });
}

export const writeMaxPool: LayerWriter<MaxPoolLayer> = (layer, site) => writePool("MaxPool", layer, site);
export const writeAveragePool: LayerWriter<AveragePoolLayer> = (layer, site) => writePool("AveragePool", layer, site);

export const writeGlobalAveragePool: LayerWriter<GlobalAveragePoolLayer> = (_layer, site) =>
  site.list.add("Flatten", [site.list.add("GlobalAveragePool", [firstInput(site)])], { axis: 1 });
