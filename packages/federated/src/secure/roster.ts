/** What server and clients each compute from the roster: the session's id, the graph, the threshold. */
import { sha256 } from "../contribution/sha256.ts";
import { graphParameters } from "./graph-parameters.ts";
import type { Bytes } from "./key-agreement.ts";
import { secureProtocol, type Roster, type SecureSettings } from "./messages.ts";
import { neighboursOf } from "./neighbour-graph.ts";
import { joinBytes, sessionIdOf } from "./session-id.ts";

export interface SecureSession {
  /** 32 bytes. */
  readonly id: Bytes;
  /** Of each client, ascending. */
  readonly neighbours: readonly (readonly number[])[];
  readonly threshold: number;
}

/** @throws ShoalError too_few_clients - for a roster that the threat model cannot be met with */
export function openSession(roster: Roster, settings: SecureSettings): SecureSession {
  const { degree, threshold } = graphParameters(roster.length, settings.threat);
  const keys = roster.flatMap(({ maskKey, sealKey }) => [maskKey, sealKey]);
  const id = sessionIdOf([...keys, termsOf(settings)]);
  return { id, neighbours: neighboursOf(id, roster.length, degree), threshold };
}

/**
 * What the sum was agreed on with, and in which protocol. Else a server could tell one client that a few neighbours are enough, and be given both of
 * its secrets by others, who go by other terms.
 */
function termsOf({ name, curve, bits, minimumClients, threat }: SecureSettings): Bytes {
  const { adversarialShare, dropOutShare, server } = threat;
  const text = new TextEncoder();
  const terms = [secureProtocol, name, curve, bits, minimumClients, adversarialShare, dropOutShare, server];
  return joinBytes(terms.map((term) => text.encode(String(term))));
}

/** The mask that two clients share is added by the one with the lower index and subtracted by the other. */
export function signOf(self: number, other: number): 1 | -1 {
  return self < other ? 1 : -1;
}

/** What a client commits itself to with its keys. @param seed - random, so its hash says nothing of it */
export function seedHashOf(seed: Bytes): Bytes {
  return new Uint8Array(sha256(seed));
}

/** The point of the polynomial that a client's shares are of. */
export const pointOf = (client: number): number => client + 1;
