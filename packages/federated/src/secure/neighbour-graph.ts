/**
 * Who shares secrets with whom: a ring of the clients in an order drawn from the session's id, each beside the k/2 before
 * and the k/2 after it (a Harary graph). The order is that of SHA-256(session, index), so clients compute it themselves,
 * and a server that wants certain neighbours for a client would have to try keys until the hash is to its liking.
 *
 * Source  Bell et al., CCS 2020, eprint 2020/704, section 3.
 */
import { sha256 } from "../contribution/sha256.ts";
import type { Bytes } from "./key-agreement.ts";

/** @param degree - even, or clients − 1 @returns the neighbours of each client, ascending */
export function neighboursOf(session: Bytes, clients: number, degree: number): readonly (readonly number[])[] {
  const order = orderOf(session, clients);
  const neighbours: (readonly number[])[] = Array.from({ length: clients }, () => []);
  const reach = degree === clients - 1 ? Math.floor(clients / 2) : degree / 2;
  for (let position = 0; position < clients; position++) {
    const found = new Set<number>();
    for (let step = 1; step <= reach; step++) {
      for (const other of [position + step, position - step]) found.add(order[(other + clients) % clients] ?? 0);
    }
    neighbours[order[position] ?? 0] = [...found].sort((a, b) => a - b);
  }
  return neighbours;
}

function orderOf(session: Bytes, clients: number): readonly number[] {
  const places = Array.from({ length: clients }, (_, index) => {
    const input = new Uint8Array(session.length + 4);
    input.set(session);
    new DataView(input.buffer).setUint32(session.length, index);
    return { index, hash: sha256(input) };
  });
  return places.sort((a, b) => compare(a.hash, b.hash)).map(({ index }) => index);
}

function compare(a: Uint8Array, b: Uint8Array): number {
  const at = a.findIndex((byte, index) => byte !== b[index]);
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}
