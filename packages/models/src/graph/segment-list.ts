/** Collects the parameters of a model, one behind the other without gaps. */
import type { ParameterDeclaration } from "../layers/layer-definition.ts";
import { modelBounds } from "../spec/model-bounds.ts";
import type { ParameterLayout, Segment } from "../spec/parameter-layout.ts";
import { elementsOf } from "../spec/value-shape.ts";
import { refuse, type LayerPlace } from "./refuse.ts";

export interface SegmentList {
  /** @param layer name of the layer, with those it is in */
  add(layer: string, declaration: ParameterDeclaration, frozen: boolean, place: LayerPlace): Segment;
  layout(): ParameterLayout;
}

export function createSegmentList(root: string): SegmentList {
  const segments: Segment[] = [];
  const names = new Set<string>();
  let size = 0;
  return {
    add(layer, declaration, frozen, { label, path }) {
      const { shape, role, initial, rate } = declaration;
      const name = `${layer}.${declaration.name}`;
      const length = elementsOf(shape);
      const total = size + length;
      if (total > modelBounds.parameters) {
        const reached = `with its ${shape.join("×")} ${declaration.name} the model has ${total} parameters`;
        refuse(root, path, `${label}: ${reached}, at most ${modelBounds.parameters} are allowed`);
      }
      if (names.has(name)) refuse(root, path, `${label}: another parameter is called "${name}" already`);
      names.add(name);
      const rated = rate === undefined ? {} : { rate };
      const segment: Segment = { name, shape, offset: size, length, role, frozen, ...rated, initial };
      segments.push(segment);
      size = total;
      return segment;
    },
    layout: () => ({ size, segments }),
  };
}
