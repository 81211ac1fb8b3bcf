/**
 * Squared distances between updates, added up chunk by chunk.
 *
 * As direct differences in float64: ‖x‖² + ‖y‖² − 2xy in float32 is off by more than the distances between honest clients
 * (at 10⁶ keys 2.0e-4 becomes 5e-4 to 4e-3), so that a choice by them would be noise.
 */

/** [clients × clients], symmetric, row by row; the diagonal is 0. */
export interface SquaredDistances {
  readonly clients: number;
  readonly values: Float64Array;
}

export function createDistances(clients: number): SquaredDistances {
  return { clients, values: new Float64Array(clients * clients) };
}

/** Adds what the keys of one chunk contribute. @param chunks [clients] of the same keys; borrowed */
export function accumulateDistances({ clients, values }: SquaredDistances, chunks: readonly Float32Array[]): void {
  for (let one = 0; one < clients; one += 1) {
    for (let other = one + 1; other < clients; other += 1) {
      const added = squaredDistance(chunks[one] ?? empty, chunks[other] ?? empty);
      const sum = (values[one * clients + other] ?? 0) + added;
      values[one * clients + other] = sum;
      values[other * clients + one] = sum;
    }
  }
}

/** Adds ‖chunk − reference‖² of each client. @param reference as long as the chunks; zero where it is undefined */
export function accumulateSquares(
  squares: Float64Array,
  chunks: readonly Float32Array[],
  reference?: Float64Array,
): void {
  for (const [client, chunk] of chunks.entries()) {
    let sum = 0;
    for (let i = 0; i < chunk.length; i += 1) {
      const difference = (chunk[i] ?? 0) - (reference === undefined ? 0 : (reference[i] ?? 0));
      sum += difference * difference;
    }
    squares[client] = (squares[client] ?? 0) + sum;
  }
}

const empty = new Float32Array();

/** Four sums side by side: one alone would wait for each addition before the next. */
function squaredDistance(x: Float32Array, y: Float32Array): number {
  const whole = x.length - (x.length % 4);
  let [a, b, c, d] = [0, 0, 0, 0];
  for (let i = 0; i < whole; i += 4) {
    const e = (x[i] ?? 0) - (y[i] ?? 0);
    const f = (x[i + 1] ?? 0) - (y[i + 1] ?? 0);
    const g = (x[i + 2] ?? 0) - (y[i + 2] ?? 0);
    const h = (x[i + 3] ?? 0) - (y[i + 3] ?? 0);
    a += e * e;
    b += f * f;
    c += g * g;
    d += h * h;
  }
  for (let i = whole; i < x.length; i += 1) {
    const e = (x[i] ?? 0) - (y[i] ?? 0);
    a += e * e;
  }
  return a + b + (c + d);
}
