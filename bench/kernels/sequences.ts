/** What a transformer is made of besides products: attention, norms, embeddings, dropout. */
import { attention, causalMask, layerNorm } from "../peers/formulas.ts";
import type { KernelCase } from "./case.ts";
import { peerRivals } from "./peer-rivals.ts";
import type { Site } from "./site.ts";
import { vectorCase, vectorLength } from "./vector-case.ts";

type AttentionShape = Parameters<Site["kernels"]["attention"]>[5];

const attentions: readonly AttentionShape[] = [128, 512].map((positions) => ({
  ...{ batch: 8, heads: 4, positions, headWidth: 32, rowStride: 384, outStride: 128 },
  ...{ causal: true, scale: 1 / Math.sqrt(32) },
}));

const vocabulary = 4096;
const rows = 8192;
const columns = vectorLength / rows;

export const sequenceCases: readonly KernelCase[] = [
  ...attentions.flatMap((shape) => [attentionCase(shape), attentionGradientCase(shape)]),
  layerNormCase(),
  layerNormGradientCase(),
  rmsNormCase(),
  gatherCase(),
  scatterCase(),
  vectorCase("dropout", 8, undefined, ({ site }) => {
    const [x, y] = [site.floats(vectorLength).at, site.bytes(4 * vectorLength)];
    const draw = { seed: 1, epoch: 0, first: 0 };
    return { kernel: () => site.kernels.dropout(x, y, rows, columns, 0.1, draw, 0) };
  }),
];

function nameOf({ batch, heads, positions, headWidth }: AttentionShape): string {
  return `causal attention ${batch}×${heads}×${positions}×${headWidth}`;
}

/** Two products over the pairs of positions that see each other. */
function flopsOf({ batch, heads, positions, headWidth }: AttentionShape): number {
  return 2 * batch * heads * positions * (positions + 1) * headWidth;
}

function attentionCase(shape: AttentionShape): KernelCase {
  const { batch, heads, positions, headWidth, rowStride, outStride } = shape;
  return {
    name: nameOf(shape),
    async create(stage) {
      const { site } = stage;
      const joined = site.floats(batch * positions * rowStride);
      const [out, sums] = [site.bytes(4 * batch * positions * outStride), site.bytes(4 * batch * heads * positions)];
      const apart = [batch, heads, positions, headWidth];
      const part = joined.values.subarray(0, batch * heads * positions * headWidth);
      const held = await peerRivals(stage, {
        inputs: [
          ...[0, 1, 2].map(() => ({ values: part, shape: apart })),
          { values: causalMask(positions), shape: [positions, positions] },
        ],
        tensorFlow: (library, [q, k, v, mask]) => attention(library, [q!, k!, v!], mask!, shape.scale),
      });
      const [q, k, v] = [joined.at, joined.at + 4 * outStride, joined.at + 8 * outStride];
      return {
        ...{ unit: "GFLOP/s", amount: flopsOf(shape) },
        kernel: () => site.kernels.attention(q, k, v, out, sums, shape),
        ...held,
      };
    },
  };
}

function attentionGradientCase(shape: AttentionShape): KernelCase {
  const { batch, heads, positions, rowStride, outStride } = shape;
  return {
    name: `${nameOf(shape)}, gradient`,
    create({ site }) {
      const { kernels } = site;
      const [joined, out] = [
        site.floats(batch * positions * rowStride).at,
        site.floats(batch * positions * outStride).at,
      ];
      const [gradient, dOut] = [
        site.bytes(4 * batch * positions * rowStride),
        site.floats(batch * positions * outStride).at,
      ];
      const sums = site.bytes(4 * batch * heads * positions);
      const partsOf = (at: number): readonly [number, number, number] => [at, at + 4 * outStride, at + 8 * outStride];
      const [[q, k, v], [dq, dk, dv]] = [partsOf(joined), partsOf(gradient)];
      kernels.attention(q, k, v, out, sums, shape);
      return {
        // The scores are computed again, and four more products follow: 2.5 times the forward pass.
        ...{ unit: "GFLOP/s", amount: 2.5 * flopsOf(shape) },
        kernel: () => kernels.attentionGradient(q, k, v, out, sums, dOut, dq, dk, dv, shape),
        rivals: [],
      };
    },
  };
}

function layerNormCase(): KernelCase {
  return vectorCase(`layer norm ${rows}×${columns}`, 8, undefined, async (stage) => {
    const { site } = stage;
    const [x, weight, bias] = [site.floats(vectorLength), site.floats(columns), site.floats(columns)];
    const [y, means, inverses] = [site.bytes(4 * vectorLength), site.bytes(4 * rows), site.bytes(4 * rows)];
    const shape = [rows, columns];
    const held = await peerRivals(stage, {
      inputs: [
        { values: x.values, shape },
        { values: weight.values, shape: [columns] },
        { values: bias.values, shape: [columns] },
      ],
      tensorFlow: (library, [input, scale, shift]) => layerNorm(library, input!, scale!, shift!, 1e-5),
      onnx: {
        operator: "LayerNormalization",
        input: { name: "x", shape },
        constants: [
          { name: "w", shape: [columns], values: weight.values },
          { name: "b", shape: [columns], values: bias.values },
        ],
        output: { name: "y", shape },
      },
    });
    return {
      kernel: () => site.kernels.layerNorm(x.at, weight.at, bias.at, y, means, inverses, rows, columns, 1e-5),
      ...held,
    };
  });
}

function layerNormGradientCase(): KernelCase {
  return vectorCase(`layer norm ${rows}×${columns}, gradient`, 12, undefined, ({ site }) => {
    const { kernels } = site;
    const [x, dy, weight] = [site.floats(vectorLength).at, site.floats(vectorLength).at, site.floats(columns).at];
    const [dx, means, inverses] = [site.bytes(4 * vectorLength), site.bytes(4 * rows), site.bytes(4 * rows)];
    const [dWeight, dBias] = [site.bytes(4 * columns), site.bytes(4 * columns)];
    kernels.layerNorm(x, weight, weight, dx, means, inverses, rows, columns, 1e-5);
    return {
      kernel: () => kernels.layerNormGradient(x, weight, means, inverses, dy, dx, dWeight, dBias, rows, columns),
    };
  });
}

function rmsNormCase(): KernelCase {
  return vectorCase(`RMS norm ${rows}×${columns}`, 8, undefined, ({ site }) => {
    const [x, weight] = [site.floats(vectorLength).at, site.floats(columns).at];
    const [y, inverses] = [site.bytes(4 * vectorLength), site.bytes(4 * rows)];
    return { kernel: () => site.kernels.rmsNorm(x, weight, y, inverses, rows, columns, 1e-5) };
  });
}

function gatherCase(): KernelCase {
  return vectorCase(`embedding gather ${rows} of ${vocabulary}×${columns}`, 8, undefined, async (stage) => {
    const { site } = stage;
    const [tokens, table] = [site.integers(rows, vocabulary), site.floats(vocabulary * columns)];
    const out = site.bytes(4 * vectorLength);
    const held = await peerRivals(stage, {
      inputs: [
        { values: table.values, shape: [vocabulary, columns] },
        { values: Int32Array.from(tokens.values), shape: [rows] },
      ],
      tensorFlow: (library, [rowsOfTable, indices]) => library.gather(rowsOfTable!, indices!),
    });
    return {
      kernel: () => site.kernels.gatherRows(tokens.at, table.at, out, rows, columns),
      ...held,
    };
  });
}

function scatterCase(): KernelCase {
  return vectorCase(`embedding scatter-add ${rows} into ${vocabulary}×${columns}`, 12, undefined, ({ site }) => {
    const [tokens, table] = [site.integers(rows, vocabulary).at, site.floats(vocabulary * columns).at];
    const x = site.floats(vectorLength).at;
    return { kernel: () => site.kernels.scatterAddRows(tokens, x, table, rows, columns) };
  });
}
