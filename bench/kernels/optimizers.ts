/** Every optimiser's update of a long vector. The rate is small, so that values stay what they are in a training. */
import type { Kernels, Offset } from "@shoal/kernels-wasm";
import { atLeast, type KernelCase, type Rival, type Stage } from "./case.ts";
import { plainVectors, vectorCase, vectorLength, vectorsOf } from "./vector-case.ts";

const rate = 1e-6;
const count = vectorLength;

type Update = (kernels: Kernels, w: Offset, g: Offset, slots: readonly [Offset, Offset, Offset]) => void;

/** A vector and a slot are read and written, a gradient is read: bytes of each element. */
const updateBytes = (slots: number): number => 12 + 8 * slots;

const updateCase = (name: string, slots: number, update: Update): KernelCase =>
  vectorCase(name, updateBytes(slots), undefined, (stage) => ({ kernel: updateOf(stage, slots, update) }));

export const optimizerCases: readonly KernelCase[] = [
  updateCase("sgd", 0, (kernels, w, g) => kernels.sgd(w, g, count, rate, 0)),
  updateCase("sgd with momentum", 1, (kernels, w, g, [velocity]) =>
    kernels.sgdMomentum(w, g, velocity, count, rate, 0.9, 0, 0, false, false),
  ),
  vectorCase("adam", updateBytes(2), atLeast(0.45), (stage) => ({
    kernel: updateOf(stage, 2, adam(false)),
    rivals: [plainAdam(stage)],
  })),
  updateCase("adamw", 2, adam(true)),
  updateCase("adagrad", 1, (kernels, w, g, [sums]) => kernels.adagrad(w, g, sums, count, rate, 1e-10, 0)),
  updateCase("rmsprop", 1, (kernels, w, g, [square]) =>
    kernels.rmsprop(w, g, square, 0, 0, count, rate, 0.99, 1e-8, 0, 0),
  ),
  updateCase("adadelta", 2, (kernels, w, g, [square, delta]) =>
    kernels.adadelta(w, g, square, delta, count, rate, 0.9, 1e-6, 0),
  ),
  updateCase("lamb", 2, (kernels, w, g, [first, second]) =>
    kernels.lamb(w, g, first, second, count, 100, rate, 0.9, 0.999, 1e-6, 0.01),
  ),
  updateCase("lars", 1, (kernels, w, g, [velocity]) => kernels.lars(w, g, velocity, count, rate, 0.9, 1e-4, 1e-3)),
  updateCase("ftrl-proximal", 2, (kernels, w, g, [z, n]) => kernels.ftrl(w, g, z, n, count, rate, 1, 0, 0)),
  updateCase("fedyogi", 2, (kernels, w, g, [first, second]) =>
    kernels.serverStep(w, g, first, second, count, "yogi", rate, 0.9, 0.99, 1e-3),
  ),
];

function adam(decoupled: boolean): Update {
  return (kernels, w, g, [first, second]) =>
    kernels.adam(w, g, first, second, 0, count, 100, rate, 0.9, 0.999, 1e-8, 0.01, decoupled);
}

/** Slots begin at zero, as in a training. */
function updateOf(stage: Stage, slots: number, update: Update): () => void {
  const { kernels } = stage.site;
  const [w = 0, g = 0] = vectorsOf(stage, 2);
  const slot = (index: number): Offset => (index < slots ? stage.site.bytes(4 * count) : 0);
  const all = [slot(0), slot(1), slot(2)] as const;
  return () => update(kernels, w, g, all);
}

function plainAdam(stage: Stage): Rival {
  const [w = new Float32Array(), g = w, first = w, second = w] = plainVectors(stage, 4);
  first.fill(0);
  second.fill(0);
  const work = (): void => {
    for (let index = 0; index < count; index++) {
      const slope = g[index]! + 0.01 * w[index]!;
      const mean = 0.9 * first[index]! + 0.1 * slope;
      const square = 0.999 * second[index]! + 0.001 * slope * slope;
      first[index] = mean;
      second[index] = square;
      w[index]! -= (rate * mean) / (Math.sqrt(square) + 1e-8);
    }
  };
  return { kind: "plain", name: "plain loop", work };
}
