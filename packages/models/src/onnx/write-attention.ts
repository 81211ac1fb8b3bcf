/** Attention of several heads: [positions, 3·width] → [positions, width], written out with products and a softmax. */
import type { AttentionLayer } from "../layers/attention.ts";
import type { NodeList } from "./node-list.ts";
import { axesOfValue, firstInput, type LayerWriter } from "./write-layer.ts";

/** Added to the score of a position that must not be seen: its exponential is 0. */
const hidden = -1e30;

export const writeAttention: LayerWriter<AttentionLayer> = (layer, site) => {
  const { list } = site;
  const [positions = 1, width = 1] = axesOfValue(site.output);
  const headWidth = width / layer.heads;
  const [queries = "", keys = "", values = ""] = list.split("Split", [firstInput(site)], 3, { axis: -1 });
  const cut = list.integers([-1, positions, layer.heads, headWidth]);
  /** [batch, positions, width] with the axes batch 0, positions 1, heads 2, head width 3 in another order. */
  const perHead = (x: string, perm: readonly number[]): string =>
    list.add("Transpose", [list.add("Reshape", [x, cut])], { perm });
  const scores = list.add("MatMul", [perHead(queries, [0, 2, 1, 3]), perHead(keys, [0, 2, 3, 1])]);
  const scaled = list.add("Mul", [scores, list.floats([1 / Math.sqrt(headWidth)], [])]);
  const masked = layer.causal === false ? scaled : list.add("Add", [scaled, causalMask(list, positions)]);
  const shares = list.add("Softmax", [masked], { axis: -1 });
  const mixed = list.add("MatMul", [shares, perHead(values, [0, 2, 1, 3])]);
  const rows = list.add("Transpose", [mixed], { perm: [0, 2, 1, 3] });
  return list.add("Reshape", [rows, list.integers([-1, positions, width])]);
};

/** [positions, positions]: 0 where a row may look, up to itself. */
function causalMask(list: NodeList, positions: number): string {
  const mask = Float32Array.from({ length: positions * positions }, (_, index) =>
    index % positions > Math.floor(index / positions) ? hidden : 0,
  );
  return list.floats(mask, [positions, positions], `#causal_mask.${positions}`);
}
