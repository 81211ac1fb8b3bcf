/**
 * Delay-compensated asynchronous descent: the gradient that worker m took at its old values w_bak(m) becomes, to first
 * order, one at the present values w.
 *
 *   on a pull of m   w_bak(m) ← w, as m has it: with a lossy encoding of pulls what m has decoded
 *   on a push of m   g ← g + λ_t · g⊙g⊙(w − w_bak(m))
 *   constant         λ_t = λ                                                                            (DC-ASGD-c)
 *   adaptive         MS ← decay·MS + (1 − decay)·g²,  λ_t = λ/√(MS + ε), MS one a worker or one for all (DC-ASGD-a)
 *
 * Source    Zheng et al., ICML 2017, arXiv 1609.08326. With λ = 0, or where nothing came between pull and push, the
 *           gradient keeps its bits.
 * Bounds    Two vectors for each of the run's workers (its values, its mean square), at most 4,096 of them; one for the
 *           result.
 */
import type { KernelMemory, Kernels, Offset } from "@shoal/kernels-wasm";
import type { ResolvedDelayCompensation } from "./staleness-spec.ts";
import type { UpdateRange } from "../update-range.ts";
import { createWorkerVectors, type CompensationSnapshot } from "./worker-vectors.ts";

export interface Compensation {
  /** Bytes of kernel memory that it holds now. */
  readonly bytes: number;
  /** A worker was given values of this version. @param values - [size], as it has them; borrowed @throws ShoalError out_of_memory */
  remember(worker: number, version: number, values: Offset): void;
  /**
   * Compensates the gradient of a push.
   * @param gradient - [size] float32, borrowed
   * @param values - [size] float32, borrowed
   * @returns where the compensated gradient stands until the next call; `gradient` itself where the values of
   *   `baseVersion` are not known any more (the worker has pulled since, or the shard was restored without them), and
   *   where its squares or what is made of them are beyond float32
   */
  compensate(worker: number, baseVersion: number, gradient: Offset, values: Offset): Offset;
  /** Frees the vectors of all workers but these. */
  retain(isPresent: (worker: number) => boolean): void;
  snapshot(): CompensationSnapshot;
  /** Replaces all state. @throws ShoalError snapshot_corrupt, out_of_memory */
  restore(snapshot: CompensationSnapshot): void;
  dispose(): void;
}

export interface CompensationSite {
  /** Elements of the key range. */
  readonly size: number;
  readonly kernels: Kernels;
  readonly memory: KernelMemory;
  /** Ways of their own for parts of the vector; statistics are not gradients and are never compensated. */
  readonly ranges?: readonly UpdateRange[] | undefined;
}

/** Its square is a float32. */
const greatestSquared = 2 ** 63;

type Rule = Exclude<ResolvedDelayCompensation, { name: "none" }>;

/** @returns undefined for the rule "none" @throws ShoalError out_of_memory */
export function createCompensation(rule: ResolvedDelayCompensation, site: CompensationSite): Compensation | undefined {
  return rule.name === "none" ? undefined : createWith(rule, site);
}

function createWith(rule: Rule, { size, kernels, memory, ranges = [] }: CompensationSite): Compensation {
  const statistics = ranges.filter(({ treatment }) => treatment.kind === "statistic");
  const keepsSquares = rule.name === "adaptive" && rule.meanSquare === "worker";
  const sharesSquare = rule.name === "adaptive" && rule.meanSquare === "shared";
  const vectors = createWorkerVectors({ size, memory, keepsSquares, sharesSquare });
  const { result, sharedSquare } = vectors;
  return {
    get bytes() {
      return vectors.bytes;
    },
    remember(worker, version, values) {
      const entry = vectors.obtain(worker);
      if (entry === undefined) return;
      entry.version = version;
      kernels.copy(values, entry.backup.byteOffset, size);
    },
    compensate(worker, baseVersion, gradient, values) {
      const entry = vectors.find(worker);
      if (entry === undefined || entry.version !== baseVersion) return gradient;
      if (kernels.maxAbs(gradient, size) > greatestSquared) return gradient; // a mean square would be infinite for ever
      const [w, backup, out] = [values, entry.backup.byteOffset, result.byteOffset];
      if (rule.name === "constant") {
        kernels.compensateDelay(gradient, w, backup, out, size, rule.lambda);
      } else {
        const square = (entry.meanSquare ?? sharedSquare ?? result).byteOffset;
        const { lambda, decay, epsilon } = rule;
        kernels.compensateDelayAdaptively(gradient, w, backup, square, out, size, lambda, decay, epsilon);
      }
      if (!kernels.allFinite(out, size)) return gradient;
      for (const { begin, end } of statistics) kernels.copy(gradient + begin * 4, out + begin * 4, end - begin);
      return out;
    },
    retain: (isPresent) => vectors.retain(isPresent),
    snapshot: () => vectors.snapshot(),
    restore: (snapshot) => vectors.restore(snapshot),
    dispose: () => vectors.dispose(),
  };
}
