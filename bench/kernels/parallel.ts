/** The optional matrix products on two threads, beside the same on one. */
import { createParallelKernels } from "@shoal/kernels-wasm";
import type { KernelCase } from "./case.ts";

const threads = 2;

export const parallelCases: readonly KernelCase[] = [
  [1024, 1024, 1024],
  [256, 256, 256],
  [64, 784, 256],
].map(([m = 1, k = 1, n = 1]) => ({
  name: `product ${m}×${k}×${n} on ${threads} threads`,
  async create({ site }) {
    const [a, b, c] = [site.floats(m * k).at, site.floats(k * n).at, site.bytes(m * n * 4)];
    const team = await createParallelKernels(site.modules, site.memory, { threads });
    return {
      ...{ unit: "GFLOP/s", amount: 2 * m * k * n },
      kernel: () => team.kernels.matmul(a, b, c, m, k, n, false),
      rivals: [{ kind: "plain", name: "one thread", work: () => site.kernels.matmul(a, b, c, m, k, n, false) }],
      release: () => team.close(),
    };
  },
}));
