/**
 * Requests that are being served: so many in all, and so many of one client, so that one which floods the aggregator takes
 * nobody else's place.
 */
export interface RequestSlots {
  /** @returns false where there is no room for another request of this client */
  take(client: string): boolean;
  give(client: string): void;
}

/** @param most - in all @param mostOfClient - of one client */
export function createRequestSlots(most: number, mostOfClient: number): RequestSlots {
  const taken = new Map<string, number>();
  let all = 0;
  return {
    take(client) {
      const own = taken.get(client) ?? 0;
      if (all >= most || own >= mostOfClient) return false;
      taken.set(client, own + 1);
      all += 1;
      return true;
    },
    give(client) {
      const own = taken.get(client) ?? 0;
      if (own === 0) return;
      all -= 1;
      if (own === 1) taken.delete(client);
      else taken.set(client, own - 1);
    },
  };
}
