/**
 * Which link leads to a shard: one link for each server of the placement, made when it is first needed.
 *
 * Invariant  Who has begun a call on a route hears of the shard's move by `left`, before the link may be closed: a move
 *            never looks like the end of the client.
 */
import { ShoalError } from "@shoal/errors";
import type { LinkFactory, LinkIdentity, ParameterLink, Placement, ShardPlacement } from "@shoal/protocol";

/** The way to a shard, as it is now. */
export interface Route {
  readonly link: ParameterLink;
  readonly placement: ShardPlacement;
  /** Aborted once the shard lives elsewhere, with a ShoalError that says where. */
  readonly left: AbortSignal;
}

export interface LinkTable {
  readonly placement: Placement;
  /** @throws ShoalError unknown_shard - the placement has no such shard */
  locate(shard: number): Route;
  /**
   * Follows a placement of a higher term; an older one changes nothing.
   * @returns positions of the shards that have moved
   * @throws ShoalError layout_mismatch - its key ranges are others
   */
  update(placement: Placement): readonly number[];
  close(): Promise<void>;
}

interface Home {
  readonly placement: ShardPlacement;
  readonly leave: AbortController;
}

export function createLinkTable(first: Placement, factory: LinkFactory, identity: LinkIdentity): LinkTable {
  const links = new Map<string, ParameterLink>();
  const closing = new Set<Promise<void>>();
  const homes = new Map(first.shards.map((placement) => [placement.shard, homeOf(placement)]));
  let placement = first;
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
  const move = (to: ShardPlacement, term: number): boolean => {
    const home = homes.get(to.shard);
    if (home === undefined || isSamePlace(home.placement, to)) return false;
    homes.set(to.shard, homeOf(to));
    home.leave.abort(movedAway(home.placement, to, term));
    return true;
  };
  return {
    get placement() {
      return placement;
    },
    locate(shard) {
      const home = homes.get(shard);
      if (home === undefined) {
        throw new ShoalError("unknown_shard", `the placement of run ${identity.run} has no shard ${shard}`, { shard });
      }
      return { link: linkTo(home.placement.endpoint), placement: home.placement, left: home.leave.signal };
    },
    update(next) {
      if (next.term <= placement.term) return [];
      checkSameRanges(placement, next);
      placement = next;
      const moved = next.shards.flatMap((shard, position) => (move(shard, next.term) ? [position] : []));
      const needed = new Set(next.shards.map((shard) => shard.endpoint));
      for (const endpoint of links.keys()) if (!needed.has(endpoint)) drop(endpoint);
      return moved;
    },
    async close() {
      for (const endpoint of links.keys()) drop(endpoint);
      await Promise.all(closing);
    },
  };
}

function homeOf(placement: ShardPlacement): Home {
  return { placement, leave: new AbortController() };
}

function isSamePlace(one: ShardPlacement, other: ShardPlacement): boolean {
  return one.node === other.node && one.endpoint === other.endpoint;
}

function movedAway(from: ShardPlacement, to: ShardPlacement, term: number): ShoalError {
  const { shard } = to;
  const sentence = `shard ${shard} has moved from ${from.node} to ${to.node} (${to.endpoint}) in term ${term}`;
  return new ShoalError("not_primary", sentence, { shard, term, server: from.node, primary: to.node });
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
