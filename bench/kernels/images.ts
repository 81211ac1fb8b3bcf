/** Convolutions of the MNIST CNN with their gradients, pooling and batch norm. */
import { convolutionScratchBytes, convolvedSize, type ConvolutionShape } from "@shoal/kernels-wasm";
import type { KernelCase, Rival, Stage } from "./case.ts";
import { createPeak, peakFlops } from "./peak.ts";
import { peerRivals } from "./peer-rivals.ts";
import type { Vector } from "./site.ts";

const rows = 64;

const square = (
  channels: number,
  size: number,
  filters: number,
  kernel: number,
  padding: number,
): ConvolutionShape => ({
  ...{ channels, height: size, width: size, filters },
  ...{ kernelHeight: kernel, kernelWidth: kernel, strideY: 1, strideX: 1, paddingY: padding, paddingX: padding },
});

const convolutions: readonly ConvolutionShape[] = [
  square(1, 28, 32, 5, 0),
  square(32, 12, 64, 5, 0),
  square(64, 14, 64, 3, 1),
];

const planes = rows * 32;
const pool = { height: 24, width: 24, kernelHeight: 2, kernelWidth: 2, strideY: 2, strideX: 2 };
const pixels = planes * 24 * 24;

export const imageCases: readonly KernelCase[] = [
  ...convolutions.flatMap((shape) => [forwardCase(shape), weightCase(shape), inputCase(shape)]),
  maxPoolCase(),
  maxPoolGradientCase(),
  batchNormCase(),
];

function nameOf(shape: ConvolutionShape): string {
  const { channels, height, width, filters, kernelHeight, kernelWidth } = shape;
  const padding = shape.paddingY > 0 ? `, padding ${shape.paddingY}` : "";
  return `convolution ${rows}×${channels}×${height}×${width} by ${filters}×${kernelHeight}×${kernelWidth}${padding}`;
}

interface Sizes {
  readonly x: number;
  readonly weight: number;
  readonly y: number;
  readonly flops: number;
}

function sizesOf(shape: ConvolutionShape): Sizes {
  const [height, width] = convolvedSize(shape);
  const weight = shape.filters * shape.channels * shape.kernelHeight * shape.kernelWidth;
  const y = rows * shape.filters * height * width;
  return {
    x: rows * shape.channels * shape.height * shape.width,
    weight,
    y,
    flops: (2 * y * weight) / shape.filters,
  };
}

function peakOf({ site }: Stage): Rival {
  const work = createPeak(site.kernels.build);
  return { kind: "limit", name: "multiply-add peak", work, amount: peakFlops };
}

interface Operands {
  readonly x: Vector;
  readonly weight: Vector;
  readonly y: Vector;
  readonly scratch: number;
}

function operandsOf({ site }: Stage, shape: ConvolutionShape): Operands {
  const { x, weight, y } = sizesOf(shape);
  return {
    ...{ x: site.floats(x), weight: site.floats(weight), y: site.floats(y) },
    scratch: site.bytes(convolutionScratchBytes(shape, rows)),
  };
}

/** The peers get the same numbers in the order of axes that they want. */
function forwardCase(shape: ConvolutionShape): KernelCase {
  return {
    name: nameOf(shape),
    async create(stage) {
      const { kernels } = stage.site;
      const { x, weight, y, scratch } = operandsOf(stage, shape);
      const { channels, height, width, filters, kernelHeight, kernelWidth, paddingY } = shape;
      const [outHeight, outWidth] = convolvedSize(shape);
      const filter = [filters, channels, kernelHeight, kernelWidth];
      const held = await peerRivals(stage, {
        inputs: [
          { values: x.values, shape: [rows, height, width, channels] },
          { values: weight.values, shape: [kernelHeight, kernelWidth, channels, filters] },
        ],
        tensorFlow: (library, [images, weights]) => library.conv2d(images!, weights!, 1, paddingY),
        onnx: {
          operator: "Conv",
          input: { name: "x", shape: [rows, channels, height, width] },
          constants: [{ name: "w", shape: filter, values: weight.values }],
          output: { name: "y", shape: [rows, filters, outHeight, outWidth] },
          integerLists: { pads: [paddingY, paddingY, paddingY, paddingY] },
        },
      });
      return {
        ...{ unit: "GFLOP/s", amount: sizesOf(shape).flops },
        kernel: () => kernels.convolution(x.at, weight.at, 0, y.at, scratch, rows, shape, "identity"),
        rivals: [peakOf(stage), ...held.rivals],
        release: held.release,
      };
    },
  };
}

function weightCase(shape: ConvolutionShape): KernelCase {
  return {
    name: `${nameOf(shape)}, weight gradient`,
    create(stage) {
      const { kernels } = stage.site;
      const { x, weight, y, scratch } = operandsOf(stage, shape);
      return {
        ...{ unit: "GFLOP/s", amount: sizesOf(shape).flops },
        kernel: () => kernels.convolutionWeightGradient(x.at, y.at, weight.at, scratch, rows, shape),
        rivals: [peakOf(stage)],
      };
    },
  };
}

function inputCase(shape: ConvolutionShape): KernelCase {
  return {
    name: `${nameOf(shape)}, input gradient`,
    async create(stage) {
      const { kernels } = stage.site;
      const { x, weight, y, scratch } = operandsOf(stage, shape);
      const { channels, height, width, filters, kernelHeight, kernelWidth, paddingY } = shape;
      const [outHeight, outWidth] = convolvedSize(shape);
      const images = [rows, height, width, channels] as const;
      const held = await peerRivals(stage, {
        inputs: [
          { values: y.values, shape: [rows, outHeight, outWidth, filters] },
          { values: weight.values, shape: [kernelHeight, kernelWidth, channels, filters] },
        ],
        tensorFlow: (library, [dy, weights]) => library.conv2dTranspose(dy!, weights!, images, 1, paddingY),
      });
      return {
        ...{ unit: "GFLOP/s", amount: sizesOf(shape).flops },
        kernel: () => kernels.convolutionInputGradient(y.at, weight.at, x.at, scratch, rows, shape),
        rivals: [peakOf(stage), ...held.rivals],
        release: held.release,
      };
    },
  };
}

function maxPoolCase(): KernelCase {
  return {
    name: "max pooling 64×32×24×24 by 2",
    async create(stage) {
      const { site } = stage;
      const [x, y, indices] = [site.floats(pixels), site.bytes(pixels), site.bytes(pixels)];
      const held = await peerRivals(stage, {
        inputs: [{ values: x.values, shape: [rows, 24, 24, 32] }],
        tensorFlow: (library, [images]) => library.maxPool(images!, 2, 2, "valid"),
        onnx: {
          operator: "MaxPool",
          input: { name: "x", shape: [rows, 32, 24, 24] },
          constants: [],
          output: { name: "y", shape: [rows, 32, 12, 12] },
          integerLists: { kernel_shape: [2, 2], strides: [2, 2] },
        },
      });
      return {
        // Numbers in, and a quarter of them out.
        ...{ unit: "GB/s", amount: 5 * pixels },
        kernel: () => site.kernels.maxPool(x.at, y, indices, planes, pool),
        ...held,
      };
    },
  };
}

function maxPoolGradientCase(): KernelCase {
  return {
    name: "max pooling 64×32×24×24 by 2, gradient",
    create({ site }) {
      const { kernels } = site;
      const [x, y, indices] = [site.floats(pixels).at, site.bytes(pixels), site.bytes(pixels)];
      kernels.maxPool(x, y, indices, planes, pool);
      return {
        ...{ unit: "GB/s", amount: 6 * pixels },
        kernel: () => kernels.maxPoolGradient(y, indices, x, planes, pool),
        rivals: [],
      };
    },
  };
}

function batchNormCase(): KernelCase {
  return {
    name: "batch norm 64×32×24×24 with its moments",
    create({ site }) {
      const { kernels } = site;
      const [x, y] = [site.floats(pixels).at, site.bytes(4 * pixels)];
      const [weight, bias, mean, variance] = [site.floats(32).at, site.floats(32).at, site.bytes(128), site.bytes(128)];
      return {
        ...{ unit: "GB/s", amount: 8 * pixels },
        kernel() {
          kernels.channelMoments(x, mean, variance, rows, 32, 576);
          kernels.batchNorm(x, weight, bias, mean, variance, y, rows, 32, 576, 1e-5);
        },
        rivals: [],
      };
    },
  };
}
