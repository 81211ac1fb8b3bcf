/** What a task with secure sums tells its clients: with a round's number it is all that both sides have to agree on. */
import { packedBytes } from "./bit-packing.ts";
import type { ThreatModel } from "./graph-parameters.ts";
import type { Curve } from "./key-agreement.ts";
import { planLattice, type Lattice, type LatticeSettings } from "./lattice.ts";
import type { SecureSettings } from "./messages.ts";

export interface SecureTask {
  readonly curve: Curve;
  /** Clients whose sum may be seen, at the least. */
  readonly minimumClients: number;
  readonly threat: ThreatModel;
  readonly lattice: Required<{ readonly [K in keyof LatticeSettings]: NonNullable<LatticeSettings[K]> }>;
}

/** The name under which masked vectors are offered. */
export const maskedEncoding = "masked";

/** Keys and masks of one round are good for no other: its name is in what clients agree on. */
export function settingsOfSum(
  { curve, minimumClients, threat, lattice }: SecureTask,
  task: string,
  round: number,
): SecureSettings & { readonly lattice: Lattice } {
  const planned = planLattice(lattice);
  return { name: `${task}/round-${round}`, curve, bits: planned.bits, minimumClients, threat, lattice: planned };
}

/** Bytes of a masked update. @param size - elements; the weight goes behind them */
export function maskedBytes(size: number, { bits }: Pick<SecureSettings, "bits">): number {
  return packedBytes(size + 1, bits);
}
