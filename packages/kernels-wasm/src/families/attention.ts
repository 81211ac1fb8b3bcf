/** Scaled dot-product attention with several heads, and its gradients. The whole score matrix is never held. */
import type { Offset } from "../kernels.ts";

/**
 * Where attention finds its vectors. Element d of head h at position t of sample b of a matrix with `stride` floats a row
 * stands at ((b·positions + t)·stride + h·headWidth + d): so q, k and v may be parts of the same rows [b·t, 3·width], or
 * matrices of their own. [b, h, t, d] is b·h samples of one head.
 */
export interface AttentionShape {
  readonly batch: number;
  readonly heads: number;
  readonly positions: number;
  /** At most 4096. */
  readonly headWidth: number;
  /** Of q, k, v and their gradients, in floats; at least heads·headWidth. */
  readonly rowStride: number;
  /** Of out and its gradient. */
  readonly outStride: number;
  /** Whether position t sees the positions up to its own only. */
  readonly causal: boolean;
  /** What the scores are multiplied by before the softmax; mostly 1/√headWidth. */
  readonly scale: number;
}

export interface AttentionKernels {
  /** out = softmax(scale·q·kᵀ)·v; overwrites out and logSumExp[batch, heads, positions], which the gradient needs. */
  attention(q: Offset, k: Offset, v: Offset, out: Offset, logSumExp: Offset, shape: AttentionShape): void;
  /** Overwrites dq, dk and dv, from what `attention` was given and left. None may be the same as an operand. */
  attentionGradient(
    q: Offset,
    k: Offset,
    v: Offset,
    out: Offset,
    logSumExp: Offset,
    dOut: Offset,
    dq: Offset,
    dk: Offset,
    dv: Offset,
    shape: AttentionShape,
  ): void;
}

export interface AttentionExports {
  attention(
    q: Offset,
    k: Offset,
    v: Offset,
    out: Offset,
    logSumExp: Offset,
    batch: number,
    heads: number,
    positions: number,
    headWidth: number,
    rowStride: number,
    outStride: number,
    causal: number,
    scale: number,
  ): void;
  attentionGradient(
    q: Offset,
    k: Offset,
    v: Offset,
    out: Offset,
    logSumExp: Offset,
    dOut: Offset,
    dq: Offset,
    dk: Offset,
    dv: Offset,
    batch: number,
    heads: number,
    positions: number,
    headWidth: number,
    rowStride: number,
    outStride: number,
    causal: number,
    scale: number,
  ): void;
}

export function attentionKernels(raw: AttentionExports): AttentionKernels {
  return {
    attention(q, k, v, out, logSumExp, shape) {
      const { batch, heads, positions, headWidth, rowStride, outStride, scale } = shape;
      const causal = shape.causal ? 1 : 0;
      raw.attention(q, k, v, out, logSumExp, batch, heads, positions, headWidth, rowStride, outStride, causal, scale);
    },
    attentionGradient(q, k, v, out, logSumExp, dOut, dq, dk, dv, shape) {
      const { batch, heads, positions, headWidth, rowStride, outStride, scale } = shape;
      raw.attentionGradient(
        q,
        k,
        v,
        out,
        logSumExp,
        dOut,
        dq,
        dk,
        dv,
        batch,
        heads,
        positions,
        headWidth,
        rowStride,
        outStride,
        shape.causal ? 1 : 0,
        scale,
      );
    },
  };
}
