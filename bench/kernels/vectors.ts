/** Sums, scaled sums and reductions of long vectors. */
import type { KernelCase, Rival, Stage } from "./case.ts";
import { plainVectors, vectorCase, vectorLength, vectorsOf } from "./vector-case.ts";

export const vectorCases: readonly KernelCase[] = [
  vectorCase("axpy", 12, undefined, (stage) => {
    const [x = 0, y = 0] = vectorsOf(stage, 2);
    return { kernel: () => stage.site.kernels.axpy(x, y, vectorLength, 1e-6), rivals: [plainAxpy(stage)] };
  }),
  vectorCase("sum of 4 vectors", 20, undefined, (stage) => {
    const { kernels, memory } = stage.site;
    const vectors = vectorsOf(stage, 4);
    const [list, out] = [stage.site.bytes(16), stage.site.bytes(4 * vectorLength)];
    new Int32Array(memory.memory.buffer, list, 4).set(vectors);
    return { kernel: () => kernels.sumVectors(list, 4, out, vectorLength), rivals: [plainSums(stage)] };
  }),
  vectorCase("squared norm", 4, undefined, (stage) => {
    const [x = 0] = vectorsOf(stage, 1);
    return { kernel: () => void stage.site.kernels.squaredNorm(x, vectorLength) };
  }),
  vectorCase("sum", 4, undefined, (stage) => {
    const { kernels } = stage.site;
    const x = stage.site.floats(vectorLength);
    if (stage.peers.kind === "missing") return { kernel: () => void kernels.sum(x.at, vectorLength) };
    const { tensorFlow } = stage.peers;
    const tensor = tensorFlow.tensor(x.values, [vectorLength]);
    return {
      kernel: () => void kernels.sum(x.at, vectorLength),
      rivals: [{ kind: "peer", name: "tfjs", work: () => tensorFlow.sum(tensor).dispose() }],
      release: () => tensor.dispose(),
    };
  }),
  vectorCase("greatest magnitude", 4, undefined, (stage) => {
    const [x = 0] = vectorsOf(stage, 1);
    return { kernel: () => void stage.site.kernels.maxAbs(x, vectorLength) };
  }),
  vectorCase("all finite", 4, undefined, (stage) => {
    const [x = 0] = vectorsOf(stage, 1);
    return { kernel: () => void stage.site.kernels.allFinite(x, vectorLength) };
  }),
];

function plainAxpy(stage: Stage): Rival {
  const [x = new Float32Array(), y = new Float32Array()] = plainVectors(stage, 2);
  const work = (): void => {
    for (let index = 0; index < vectorLength; index++) y[index]! += 1e-6 * x[index]!;
  };
  return { kind: "plain", name: "plain loop", work };
}

function plainSums(stage: Stage): Rival {
  const [a = new Float32Array(), b = a, c = a, d = a, out = a] = plainVectors(stage, 5);
  const work = (): void => {
    for (let index = 0; index < vectorLength; index++) out[index] = a[index]! + b[index]! + c[index]! + d[index]!;
  };
  return { kind: "plain", name: "plain loop", work };
}
