import { describe, expect, it } from "vitest";
import { createEnds } from "../../../../test/support/encoding-ends.ts";
import { loadVectors } from "../../../../test/support/vectors.ts";

interface Sent {
  readonly sent: readonly number[];
  readonly residual: readonly number[];
}

interface Vectors {
  readonly topk1_ef: readonly Sent[];
  readonly "ef_sign (scaled sign, ||p||_1/d)": readonly Sent[];
  readonly "mxnet_2bit thr=.5 pushes .4,.2,.2,.2 -> (decompressed,residual)": readonly (readonly [number, number])[];
  readonly "powersgd_rank1 M=[[1,2],[3,4]] q0=(1,0)": {
    readonly p: readonly number[];
    readonly q: readonly number[];
    readonly Mhat: readonly (readonly number[])[];
    readonly error: readonly (readonly number[])[];
  };
}

const vectors = loadVectors<Vectors>("asynchrony");
const gradients = [
  [1, -2, 0.5, 0.1],
  [0.9, 0.1, 0.5, 0.1],
  [0, 0, 0.5, 0.1],
];

// The rows are float64; ours adds up at most three float32 numbers of magnitude 2: 3 · 2^-23.
function expectClose(actual: readonly number[], wanted: readonly number[]): void {
  expect(actual).toHaveLength(wanted.length);
  actual.forEach((value, i) => expect(Math.abs(value - (wanted[i] ?? NaN))).toBeLessThan(4e-7));
}

describe("published rows of encodings with feedback", () => {
  it("top-1 sends −2@1, 1.9@0 and 1.5@2", () => {
    const ends = createEnds({ name: "top_k", share: 0.25 }, 4);
    vectors.topk1_ef.forEach(({ sent, residual }, i) => {
      expectClose(ends.send(gradients[i] ?? []), sent);
      expectClose(ends.residual(), residual);
    });
    expect(vectors.topk1_ef).toHaveLength(3);
  });

  it("the scaled sign sends ‖p‖₁/d with the sign of each element", () => {
    const rows = vectors["ef_sign (scaled sign, ||p||_1/d)"];
    const ends = createEnds({ name: "one_bit" }, 4);
    rows.forEach(({ sent, residual }, i) => {
      expectClose(ends.send(gradients[i] ?? []), sent);
      expectClose(ends.residual(), residual);
    });
    expect(rows).toHaveLength(2);
  });

  it("MXNet's 2 bits with threshold .5 send 0, .5, 0, .5 and keep .4, .1, .3, 0", () => {
    const rows = vectors["mxnet_2bit thr=.5 pushes .4,.2,.2,.2 -> (decompressed,residual)"];
    const ends = createEnds({ name: "two_bit", threshold: 0.5 }, 3);
    rows.forEach(([sent, residual], i) => {
      const push = i === 0 ? 0.4 : 0.2;
      expectClose(ends.send([push, -push, 0]), [sent, -sent, 0]);
      expectClose(ends.residual(), [residual, -residual, 0]);
    });
    expect(rows).toHaveLength(4);
  });

  it("PowerSGD of rank 1 sends P, Q and keeps M − P·Qᵀ", () => {
    const wanted = vectors["powersgd_rank1 M=[[1,2],[3,4]] q0=(1,0)"];
    // A row and a column of zeros more: a matrix of 2×2 has no factors that are smaller than itself.
    const ends = createEnds(
      { name: "power_sgd", rank: 1 },
      { size: 9, matrices: [{ offset: 0, rows: 3, columns: 3 }] },
    );
    ends.encoder.restore({
      name: "power_sgd",
      residual: new Float32Array(9),
      factors: Float32Array.of(1, 0, 0),
    });
    const widen = (matrix: readonly (readonly number[])[]): number[] =>
      [0, 1, 2].flatMap((row) => [0, 1, 2].map((column) => matrix[row]?.[column] ?? 0));
    const decoded = ends.send([1, 2, 0, 3, 4, 0, 0, 0, 0]);
    const sent = Array.from({ length: 6 }, (_, i) => ends.bytes.getFloat32(4 * i, true));
    const wide = [...wanted.p, 0, ...wanted.q, 0];
    // Products of up to 4.5, a few roundings each.
    sent.forEach((value, i) => expect(value).toBeCloseTo(wide[i] ?? NaN, 5));
    decoded.forEach((value, i) => expect(value).toBeCloseTo(widen(wanted.Mhat)[i] ?? NaN, 5));
    ends.residual().forEach((value, i) => expect(value).toBeCloseTo(widen(wanted.error)[i] ?? NaN, 5));
  });
});
