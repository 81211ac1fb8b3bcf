/** The links of a server to others: one for each holder and run, shared by the shards that need it. */
import { ShoalError } from "@shoal/errors";
import type { ReplicaLink, ReplicaLinkFactory, SeatHolder } from "@shoal/protocol";
import type { PeerLink } from "./replication.ts";

export interface PeerLinks {
  /** @throws ShoalError invalid_argument - this server was not told how others are reached */
  connect(to: SeatHolder, run: string, from: SeatHolder): PeerLink;
}

export function createPeerLinks(factory: ReplicaLinkFactory | undefined): PeerLinks {
  const open = new Map<string, { readonly link: ReplicaLink; users: number }>();
  return {
    connect(to, run, from) {
      if (factory === undefined) {
        throw new ShoalError("invalid_argument", `${from.node} has no links to other servers, such as ${to.node}`);
      }
      const key = [run, to.member, to.incarnation, to.endpoint, from.member, from.incarnation].join("/");
      const shared = open.get(key) ?? { link: factory.connect(to, run, from), users: 0 };
      open.set(key, shared);
      shared.users += 1;
      let isReleased = false;
      const release = (): void => {
        if (isReleased) return;
        isReleased = true;
        shared.users -= 1;
        if (shared.users > 0) return;
        open.delete(key);
        void shared.link.close();
      };
      return { link: shared.link, release };
    },
  };
}
