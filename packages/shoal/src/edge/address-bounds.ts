/**
 * How much of the edge one address may have: connections, and clients whose names nobody gave them. Somebody who opens
 * everything that there is, or comes under a thousand names, takes it from who shares the address and from nobody else.
 *
 * Bounds  `mostAddresses` are remembered with the names in use there; the one heard of longest ago is forgotten first.
 */
import { isIPv6 } from "node:net";

export interface AddressBounds {
  /** Takes a connection, to be given back by `disconnected`. @returns false: the address has all that it may have */
  connected(address: string): boolean;
  disconnected(address: string): void;
  /** A client is known there until `untilMs`; one that is known stays so. @returns false: no further one may be */
  named(address: string, client: string, untilMs: number, nowMs: number): boolean;
}

/** A page loads over several connections, and keeps one. */
const connectionsEach = 4;
const mostAddresses = 10_000;

/** @param mostClients of one address at a time; Infinity where addresses say nothing, as behind a proxy */
export function createAddressBounds(mostClients: number): AddressBounds {
  const connections = new Map<string, number>();
  const names = new Map<string, Map<string, number>>();
  return {
    connected(address) {
      const place = placeOf(address);
      const count = connections.get(place) ?? 0;
      if (count >= mostClients * connectionsEach) return false;
      connections.set(place, count + 1);
      return true;
    },
    disconnected(address) {
      const place = placeOf(address);
      const count = connections.get(place) ?? 0;
      if (count > 1) connections.set(place, count - 1);
      else connections.delete(place);
    },
    named(address, client, untilMs, nowMs) {
      if (mostClients === Infinity) return true;
      const place = placeOf(address);
      const known = names.get(place) ?? new Map<string, number>();
      for (const [name, ended] of known) if (ended <= nowMs) known.delete(name);
      names.delete(place);
      names.set(place, known);
      for (const [oldest] of names) {
        if (names.size <= mostAddresses) break;
        names.delete(oldest);
      }
      if (!known.has(client) && known.size >= mostClients) return false;
      known.set(client, untilMs);
      return true;
    },
  };
}

/** What is one place: an IPv4 address, or the 64 bits of an IPv6 address that a network has. */
export function placeOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined || !isIPv6(address)) return mapped ?? address;
  const [head = [], tail] = address.split("::").map((part) => part.split(":").filter((group) => group !== ""));
  if (tail === undefined) return `${[...head].slice(0, 4).join(":")}::/64`;
  const zeros = Array<string>(Math.max(0, 8 - head.length - tail.length)).fill("0");
  return `${[...head, ...zeros, ...tail].slice(0, 4).join(":")}::/64`;
}
