/**
 * Two gradients that the WebAssembly backend of TensorFlow.js lacks, made of its fastest operators: without them it
 * cannot train a convolution or an embedding at all.
 */
import type { Tensor, TensorFlow } from "./tensorflow.ts";

interface KernelCall {
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly attrs: Readonly<Record<string, unknown>>;
}

export interface KernelRegistry {
  registerKernel(kernel: {
    readonly kernelName: string;
    readonly backendName: string;
    readonly kernelFunc: (call: KernelCall) => Tensor;
  }): void;
}

export function registerMissingKernels(library: TensorFlow & KernelRegistry): void {
  const register = (kernelName: string, compute: (call: KernelCall) => Tensor): void =>
    library.registerKernel({
      kernelName,
      backendName: "wasm",
      kernelFunc: (call) => library.tidy(() => compute(call)),
    });
  register("Conv2DBackpropFilter", ({ inputs, attrs }) => filterGradient(library, inputs, attrs));
  register("UnsortedSegmentSum", ({ inputs, attrs }) => segmentSum(library, inputs, attrs));
}

/** For stride 1 the gradient is itself a convolution, of the images by dy, with batch and channels in each other's place. */
function filterGradient(library: TensorFlow, inputs: KernelCall["inputs"], attrs: KernelCall["attrs"]): Tensor {
  const { x, dy } = inputs as { readonly x: Tensor; readonly dy: Tensor };
  if (attrs["pad"] !== "valid") throw new RangeError("only convolutions without padding are needed here");
  const images = library.transpose(x, [3, 1, 2, 0]);
  const filters = library.transpose(dy, [1, 2, 0, 3]);
  return library.transpose(library.conv2d(images, filters, 1, "valid"), [1, 2, 0, 3]);
}

function segmentSum(library: TensorFlow, inputs: KernelCall["inputs"], attrs: KernelCall["attrs"]): Tensor {
  const { x, segmentIds } = inputs as { readonly x: Tensor; readonly segmentIds: Tensor };
  const chosen = library.oneHot(segmentIds, attrs["numSegments"] as number);
  return library.matMul(library.transpose(library.cast(chosen, "float32")), x);
}
