/** What server and clients each compute from the roster: the session's id, the graph, the threshold. */
import { graphParameters } from "./graph-parameters.ts";
import type { Bytes } from "./key-agreement.ts";
import type { Roster, SecureSettings } from "./messages.ts";
import { neighboursOf } from "./neighbour-graph.ts";
import { sessionIdOf } from "./session-id.ts";

export interface SecureSession {
  /** 32 bytes. */
  readonly id: Bytes;
  /** Of each client, ascending. */
  readonly neighbours: readonly (readonly number[])[];
  readonly threshold: number;
}

/** @throws ShoalError too_few_clients - for a roster that the threat model cannot be met with */
export async function openSession(
  subtle: SubtleCrypto,
  roster: Roster,
  { threat }: Pick<SecureSettings, "threat">,
): Promise<SecureSession> {
  const { degree, threshold } = graphParameters(roster.length, threat);
  const id = await sessionIdOf(
    subtle,
    roster.flatMap(({ maskKey, sealKey }) => [maskKey, sealKey]),
  );
  return { id, neighbours: await neighboursOf(subtle, id, roster.length, degree), threshold };
}

/** The mask that two clients share is added by the one with the lower index and subtracted by the other. */
export function signOf(self: number, other: number): 1 | -1 {
  return self < other ? 1 : -1;
}

/** What a client commits itself to with its keys. @param seed - random, so its hash says nothing of it */
export async function seedHashOf(subtle: SubtleCrypto, seed: Bytes): Promise<Bytes> {
  return new Uint8Array(await subtle.digest("SHA-256", seed));
}

/** The point of the polynomial that a client's shares are of. */
export const pointOf = (client: number): number => client + 1;
