/** Pooling over windows of planes: a plane is one channel of one sample. Windows that do not fit are left out. */
import type { Offset } from "../kernels.ts";

export interface PoolShape {
  readonly height: number;
  readonly width: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly strideY: number;
  readonly strideX: number;
}

export interface PoolingKernels {
  /**
   * y[planes, …] = the greatest of each window of x[planes, height, width]; int32 indices[planes, …] = where in the
   * plane it stands: the first of equals, a NaN before all.
   */
  maxPool(x: Offset, y: Offset, indices: Offset, planes: number, shape: PoolShape): void;
  /** dx[planes, height, width] = Σ of dy at `indices`. Overwrites dx. */
  maxPoolGradient(dy: Offset, indices: Offset, dx: Offset, planes: number, shape: PoolShape): void;
  /** y[planes, …] = the mean of each window. */
  averagePool(x: Offset, y: Offset, planes: number, shape: PoolShape): void;
  /** Overwrites dx. */
  averagePoolGradient(dy: Offset, dx: Offset, planes: number, shape: PoolShape): void;
  /** y[planes] = the mean of each plane of `size` floats. */
  planeMeans(x: Offset, y: Offset, planes: number, size: number): void;
}

type Window = [
  height: number,
  width: number,
  kernelHeight: number,
  kernelWidth: number,
  strideY: number,
  strideX: number,
];

export interface PoolingExports extends Pick<PoolingKernels, "planeMeans"> {
  maxPool(x: Offset, y: Offset, indices: Offset, planes: number, ...window: Window): void;
  maxPoolGradient(dy: Offset, indices: Offset, dx: Offset, planes: number, size: number, results: number): void;
  averagePool(x: Offset, y: Offset, planes: number, ...window: Window): void;
  averagePoolGradient(dy: Offset, dx: Offset, planes: number, ...window: Window): void;
}

export function poolingKernels(raw: PoolingExports): PoolingKernels {
  return {
    maxPool: (x, y, indices, planes, s) =>
      raw.maxPool(x, y, indices, planes, s.height, s.width, s.kernelHeight, s.kernelWidth, s.strideY, s.strideX),
    maxPoolGradient(dy, indices, dx, planes, shape) {
      const [height, width] = pooledSize(shape);
      raw.maxPoolGradient(dy, indices, dx, planes, shape.height * shape.width, height * width);
    },
    averagePool: (x, y, planes, s) =>
      raw.averagePool(x, y, planes, s.height, s.width, s.kernelHeight, s.kernelWidth, s.strideY, s.strideX),
    averagePoolGradient: (dy, dx, planes, s) =>
      raw.averagePoolGradient(dy, dx, planes, s.height, s.width, s.kernelHeight, s.kernelWidth, s.strideY, s.strideX),
    planeMeans: raw.planeMeans,
  };
}

/** Rows and columns of the result. */
export function pooledSize(shape: PoolShape): readonly [height: number, width: number] {
  return [
    Math.floor((shape.height - shape.kernelHeight) / shape.strideY) + 1,
    Math.floor((shape.width - shape.kernelWidth) / shape.strideX) + 1,
  ];
}
