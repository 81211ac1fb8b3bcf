/** Cases of kernels that pass over long vectors: beside each stands memcpy of the same run. */
import type { Offset } from "@shoal/kernels-wasm";
import type { Aim } from "../frame/report.ts";
import type { Contest, KernelCase, Rival, Stage } from "./case.ts";

/** Elements of the vectors, 4 MiB each: more than the nearest caches hold. */
export const vectorLength: number = 2 ** 20;

export interface VectorWork {
  readonly kernel: () => void;
  readonly rivals?: readonly Rival[];
  readonly release?: () => void | Promise<void>;
}

/**
 * @param bytes - read and written for each element
 * @param ofMemcpy - aim for the share of memcpy's bytes in the same time
 */
export function vectorCase(
  name: string,
  bytes: number,
  ofMemcpy: Aim | undefined,
  create: (stage: Stage) => VectorWork | Promise<VectorWork>,
): KernelCase {
  return {
    name,
    async create(stage): Promise<Contest> {
      const work = await create(stage);
      return {
        unit: "GB/s",
        amount: bytes * vectorLength,
        kernel: work.kernel,
        rivals: [memcpy(stage, ofMemcpy), ...(work.rivals ?? [])],
        ...(work.release === undefined ? {} : { release: work.release }),
      };
    },
  };
}

function memcpy({ site }: Stage, aim: Aim | undefined): Rival {
  const [from, to] = [site.floats(vectorLength).at, site.bytes(4 * vectorLength)];
  return {
    ...{ kind: "limit", name: "memcpy", amount: 8 * vectorLength },
    work: () => site.kernels.copy(from, to, vectorLength),
    ...(aim === undefined ? {} : { aim }),
  };
}

/** Offsets of `count` random vectors. */
export function vectorsOf({ site }: Stage, count: number): readonly Offset[] {
  return Array.from({ length: count }, () => site.floats(vectorLength).at);
}

/** Copies of random vectors in JavaScript's own memory, for a plain loop. */
export function plainVectors({ site }: Stage, count: number): readonly Float32Array[] {
  const { values } = site.floats(vectorLength);
  return Array.from({ length: count }, () => values.slice());
}
