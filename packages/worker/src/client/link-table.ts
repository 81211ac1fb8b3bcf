/** Which link leads to a shard: one link for each server of the placement, made when it is first needed. */
import { ShoalError } from "@shoal/errors";
import type { LinkFactory, LinkIdentity, ParameterLink, Placement, ShardPlacement } from "@shoal/protocol";

export interface LinkTable {
  readonly placement: Placement;
  /** @throws ShoalError unknown_shard - the placement has no such shard */
  locate(shard: number): { readonly link: ParameterLink; readonly placement: ShardPlacement };
  update(placement: Placement): void;
  close(): Promise<void>;
}

export function createLinkTable(first: Placement, factory: LinkFactory, identity: LinkIdentity): LinkTable {
  const links = new Map<string, ParameterLink>();
  const closing = new Set<Promise<void>>();
  let placement = first;
  let byShard = index(first);
  const linkTo = (endpoint: string): ParameterLink => {
    const found = links.get(endpoint);
    if (found !== undefined) return found;
    const link = factory.connect(endpoint, identity);
    links.set(endpoint, link);
    return link;
  };
  const drop = (endpoint: string): void => {
    const link = links.get(endpoint);
    links.delete(endpoint);
    if (link === undefined) return;
    const closed = link.close().finally(() => closing.delete(closed));
    closing.add(closed);
  };
  return {
    get placement() {
      return placement;
    },
    locate(shard) {
      const found = byShard.get(shard);
      if (found === undefined) {
        throw new ShoalError("unknown_shard", `the placement of run ${identity.run} has no shard ${shard}`, { shard });
      }
      return { link: linkTo(found.endpoint), placement: found };
    },
    update(next) {
      if (next.term <= placement.term) return;
      checkSameRanges(placement, next);
      placement = next;
      byShard = index(next);
      const needed = new Set(next.shards.map((shard) => shard.endpoint));
      for (const endpoint of links.keys()) if (!needed.has(endpoint)) drop(endpoint);
    },
    async close() {
      for (const endpoint of links.keys()) drop(endpoint);
      await Promise.all(closing);
    },
  };
}

function index(placement: Placement): ReadonlyMap<number, ShardPlacement> {
  return new Map(placement.shards.map((shard) => [shard.shard, shard]));
}

/** A shard may move, but sequence numbers and versions belong to its key range. */
function checkSameRanges(before: Placement, after: Placement): void {
  const same =
    before.shards.length === after.shards.length &&
    before.shards.every(({ shard, begin, end }, position) => {
      const other = after.shards[position];
      return other !== undefined && other.shard === shard && other.begin === begin && other.end === end;
    });
  if (same) return;
  const sentence = `the placement of term ${after.term} cuts the vector differently from term ${before.term}`;
  throw new ShoalError("layout_mismatch", sentence, { term: after.term });
}
