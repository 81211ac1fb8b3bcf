/** Layers that move or add values, and those that do nothing when a model is used. */
import type { ActivationLayer } from "../layers/activation.ts";
import type { AddLayer } from "../layers/add.ts";
import type { ConcatenateLayer } from "../layers/concatenate.ts";
import type { DropoutLayer } from "../layers/dropout.ts";
import type { FlattenLayer } from "../layers/flatten.ts";
import type { ReshapeLayer } from "../layers/reshape.ts";
import { writeActivation } from "./write-activation.ts";
import { axesOfValue, firstInput, type LayerWriter } from "./write-layer.ts";

export const writeShape: LayerWriter<FlattenLayer | ReshapeLayer> = (_layer, site) =>
  site.list.add("Reshape", [firstInput(site), site.list.integers([-1, ...axesOfValue(site.output)])]);

export const writeAdd: LayerWriter<AddLayer> = (_layer, site) => site.list.add("Sum", site.inputs);

export const writeConcatenate: LayerWriter<ConcatenateLayer> = (_layer, site) =>
  site.list.add("Concat", site.inputs, { axis: -1 });

export const writeDropout: LayerWriter<DropoutLayer> = (_layer, site) => firstInput(site);

export const writeActivationLayer: LayerWriter<ActivationLayer> = (layer, site) =>
  writeActivation(site.list, firstInput(site), layer.function);
