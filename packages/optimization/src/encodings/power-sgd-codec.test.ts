import { describe, expect, it } from "vitest";
import { createEnds, type EncodingEnds } from "../../../../test/support/encoding-ends.ts";

const [rows, columns] = [24, 30];
const matrices = [{ offset: 0, rows, columns }];

function ends(rank: number): EncodingEnds {
  return createEnds({ name: "power_sgd", rank }, { size: rows * columns, matrices });
}

/** A sum of `rank` outer products, of very different sizes. */
function lowRank(rank: number, scale = 1): Float32Array {
  return Float32Array.from({ length: rows * columns }, (_, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    let sum = 0;
    for (let r = 1; r <= rank; r++) sum += (Math.sin(r * (row + 1)) * Math.cos(r * r * (column + 2))) / r ** 2;
    return scale * sum;
  });
}

const relativeError = ({ said }: EncodingEnds): number =>
  Math.sqrt((said?.squaredError ?? NaN) / (said?.squaredNorm ?? NaN));

describe("PowerSGD", () => {
  it.each([1, 2, 3])("is exact for matrices of rank %i when that is its rank, once Q has seen one", (rank) => {
    const each = ends(rank);
    each.encode(lowRank(rank));
    // A random Q spans the columns already; float32 leaves 2^-24 a rounding, with condition numbers around 100.
    expect(relativeError(each)).toBeLessThan(1e-4);
    each.encode(lowRank(rank));
    expect(relativeError(each)).toBeLessThan(1e-5);
  });

  it.each([1e-16, 1e-8, 1e8])("does not care for the magnitude %f of gradients", (scale) => {
    const each = ends(2);
    const decoded = each.send(lowRank(2, scale));
    const wanted = lowRank(2, scale);
    const gap = decoded.reduce((most, value, i) => Math.max(most, Math.abs(value - (wanted[i] ?? NaN))), 0);
    expect(gap).toBeLessThan(1e-4 * scale);
  });

  it("finds the greatest direction by staying warm", () => {
    const gradient = lowRank(6);
    const each = createEnds({ name: "power_sgd", rank: 1, errorFeedback: false }, { size: rows * columns, matrices });
    const errors = Array.from({ length: 8 }, () => {
      each.encode(gradient);
      return relativeError(each);
    });
    errors.slice(1).forEach((error, i) => expect(error).toBeLessThanOrEqual((errors[i] ?? 0) + 1e-6));
    expect(errors.at(-1)).toBeLessThan((errors[0] ?? 0) * 0.99);
  });

  it("wakes up after gradients of zero, which leave no direction to continue from", () => {
    const each = ends(2);
    each.encode(new Float32Array(rows * columns));
    expect(each.decode()).toEqual(Array.from({ length: rows * columns }, () => 0));
    each.encode(lowRank(2));
    expect(relativeError(each)).toBeLessThan(1e-4);
  });

  it("never errs by more than there is, however alike the directions are", () => {
    const each = ends(8);
    for (let push = 0; push < 20; push++) {
      each.encode(lowRank(1 + (push % 3), 10 ** (push % 5)));
      expect(relativeError(each)).toBeLessThanOrEqual(1 + 1e-5);
    }
    // What feedback keeps after many pushes is of the order of one push, not of all: nothing builds up.
    expect(Math.sqrt(each.encoder.residualSquaredNorm())).toBeLessThan(1);
  });

  it("sends what is no matrix, and matrices that factors would not make smaller, as it is", () => {
    const layout = { size: 60, matrices: [{ offset: 5, rows: 2, columns: 3 }] };
    const each = createEnds({ name: "power_sgd", rank: 2 }, layout);
    const vector = Float32Array.from({ length: 60 }, (_, i) => Math.sin(i + 1));
    expect(each.encoder.bytes).toBe(240);
    expect(each.send(vector)).toEqual([...vector]);
  });
});
