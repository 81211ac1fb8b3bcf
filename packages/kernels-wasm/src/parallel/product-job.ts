/**
 * The job that threads share: one matrix product, whose pieces are claimed one by one.
 *
 * A *ticket* holds the number of the job and how many of its pieces are still to be claimed. Who lowers the ticket by
 * one has claimed a piece, and until that is counted as finished the owner neither changes the job nor returns.
 *
 * Invariants
 *   J1  The arguments are written while no claimed piece is unfinished, and read only by those who hold one.
 *   J2  A thread that comes late, or never, costs nothing: the owner claims what is left.
 */
import { along, type MatrixExports } from "../families/matrix.ts";
import type { Offset } from "../kernels.ts";
import { cutsColumns } from "./pieces.ts";

/** Places in the control block; what different threads write stands in cache lines of its own. */
const ticketAt = 0;
const finishedAt = 16;
const failedAt = 17;
const closedAt = 32;
const argumentsAt = 48;

/** Bytes of the control block. */
export const controlBytes = 256;

const pieceBits = 8;
const pieceMask = 2 ** pieceBits - 1;
/** Loads of a flag before a thread goes to sleep: about 50 µs, the time that waking it would take. */
const spinLoads = 20_000;

export type ProductArguments = Parameters<MatrixExports["product"]>;

/** Makes the job known: `pieces` pieces of `lines` rows or columns. Only the owner calls it, between jobs (J1). */
export function openJob(control: Int32Array, product: Readonly<ProductArguments>, pieces: number, lines: number): void {
  control.set(product, argumentsAt);
  control[argumentsAt + product.length] = lines;
  Atomics.store(control, finishedAt, 0);
  Atomics.store(control, failedAt, 0);
  const job = (Atomics.load(control, ticketAt) >>> pieceBits) + 1;
  Atomics.store(control, ticketAt, (job << pieceBits) | pieces);
  Atomics.notify(control, ticketAt);
}

/** Claims a piece of the job under way. @returns its number, or −1 when none is left */
export function claimPiece(control: Int32Array): number {
  for (;;) {
    const ticket = Atomics.load(control, ticketAt);
    const left = ticket & pieceMask;
    if (left === 0) return -1;
    if (Atomics.compareExchange(control, ticketAt, ticket, ticket - 1) === ticket) return left - 1;
  }
}

/** Computes a claimed piece. @throws WebAssembly.RuntimeError when the product lies outside memory */
export function computePiece(control: Int32Array, kernels: MatrixExports, piece: number): void {
  const at = (index: number): number => (control[argumentsAt + index] ?? 0) >>> 0;
  const formA = at(0);
  const stepA = at(2);
  const formB = at(3);
  const stepB = at(5);
  const stepC = at(7);
  const lines = at(14);
  const first = piece * lines;
  let a = at(1);
  let b = at(4);
  let c = at(6);
  let m = at(8);
  let n = at(10);
  let bias = at(12);
  if (cutsColumns(m, n)) {
    n = Math.min(lines, n - first);
    b += first * (formB === along ? stepB : 4);
    c += first * 4;
    if (bias !== 0) bias += first * 4;
  } else {
    m = Math.min(lines, m - first);
    a += first * (formA === along ? stepA : 4);
    c += first * stepC;
  }
  kernels.product(formA, a, stepA, formB, b, stepB, c, stepC, m, at(9), n, at(11), bias, at(13));
}

/** Waits until `count` pieces have been finished by others. @returns a bit for each that failed */
export function awaitPieces(control: Int32Array, count: number): number {
  for (let loads = 0; ; loads++) {
    const finished = Atomics.load(control, finishedAt);
    if (finished >= count) return Atomics.load(control, failedAt);
    // No end to this wait: a thread that has claimed a piece allocates nothing and runs no code but the product.
    if (loads >= spinLoads) Atomics.wait(control, finishedAt, finished);
  }
}

/** The life of a helping thread: computes pieces until the owner closes. */
export function helpUntilClosed(control: Int32Array, kernels: MatrixExports): void {
  let loads = 0;
  while (Atomics.load(control, closedAt) === 0) {
    const ticket = Atomics.load(control, ticketAt);
    const piece = claimPiece(control);
    if (piece >= 0) {
      loads = 0;
      helpWith(control, kernels, piece);
    } else if (++loads >= spinLoads) {
      Atomics.wait(control, ticketAt, ticket);
    }
  }
}

function helpWith(control: Int32Array, kernels: MatrixExports, piece: number): void {
  try {
    computePiece(control, kernels, piece);
  } catch {
    // The owner computes it again, so that its caller gets the error.
    Atomics.or(control, failedAt, 2 ** piece);
  }
  Atomics.add(control, finishedAt, 1);
  Atomics.notify(control, finishedAt);
}

/** Ends all helping threads once they have finished their pieces. */
export function closeJobs(control: Int32Array): void {
  Atomics.store(control, closedAt, 1);
  Atomics.add(control, ticketAt, 2 ** pieceBits);
  Atomics.notify(control, ticketAt);
}

/** View of the control block at an offset of a kernel memory. */
export function controlView(memory: WebAssembly.Memory, offset: Offset): Int32Array {
  return new Int32Array(memory.buffer, offset, controlBytes / 4);
}
