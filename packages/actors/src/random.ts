/** Randomness as a port. */

/** A stream of pseudo-random numbers. Not for secrets. */
export interface Random {
  /** Uniform in [0, 1), with 53 random bits. */
  uniform(): number;
  /** Uniform in 0 … bound − 1. @param bound - an integer, 1 … 2^32 */
  integer(bound: number): number;
  /**
   * An independent stream that depends on this one's seed and on `label` only, not on how much has been drawn: adding
   * a consumer does not change what the others see.
   */
  fork(label: string): Random;
}
