/**
 * A gradient on loan to a shard of the same process.
 *
 * The shard reads it where it lies, without a copy, and says when it is done. Until it has begun to handle the push the
 * loan can be revoked: a shard that comes to the push after its call has ended finds an empty gradient, which it
 * refuses, and not what the caller has written there since.
 */
import type { KernelMemory, Kernels } from "@shoal/kernels-wasm";
import type { PushRequest } from "@shoal/protocol";
import { copyFloats } from "./copy-floats.ts";

export interface GradientLoan {
  /** What the shard is told. Reading it means that the shard has begun to handle the push. */
  readonly push: PushRequest;
  /** Ends the loan: nobody reads the gradient any more. */
  readonly end: () => void;
  /** Ends the loan unless the shard has the gradient in hand. @returns whether the loan has ended */
  readonly revoke: () => boolean;
  /** Settles when the loan has ended. */
  readonly ended: Promise<void>;
}

type Offer = { -readonly [K in keyof PushRequest]: PushRequest[K] };

const nothing = new Float32Array(0);

/**
 * Offers a gradient. One outside kernel memory is copied into a region of its own, which is freed at the loan's end.
 * @param request its gradient is borrowed until `ended`
 * @throws ShoalError out_of_memory - there is no region for the copy
 */
export function lendGradient(request: PushRequest, memory: KernelMemory, kernels: Pick<Kernels, "copy">): GradientLoan {
  const { view, free } = placeInMemory(request.gradient, memory, kernels);
  const offer: Offer = { ...request, gradient: view };
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  let isTaken = false;
  let hasEnded = false;
  const end = (): void => {
    if (hasEnded) return;
    hasEnded = true;
    offer.gradient = nothing;
    free();
    resolve();
  };
  return {
    get push() {
      isTaken = true;
      return offer;
    },
    end,
    revoke: () => {
      if (!isTaken) end();
      return hasEnded;
    },
    ended,
  };
}

/** The gradient where kernels can read it. */
function placeInMemory(
  gradient: Float32Array,
  memory: KernelMemory,
  kernels: Pick<Kernels, "copy">,
): { readonly view: Float32Array; readonly free: () => void } {
  if (gradient.length === 0 || memory.offsetOf(gradient) !== undefined) {
    return { view: gradient, free: () => undefined };
  }
  const region = memory.allocate(gradient.byteLength);
  const view = memory.floats(region.byteOffset, gradient.length);
  copyFloats(gradient, view, memory, kernels);
  return { view, free: () => memory.free(region) };
}
