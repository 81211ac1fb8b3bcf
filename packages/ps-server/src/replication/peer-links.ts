/** The links of a server to others: one for each holder and run, shared by the shards that need it. */
import { ShoalError } from "@shoal/errors";
import type { LineReports, ReplicaLink, ReplicaLinkFactory, SeatHolder } from "@shoal/protocol";
import type { PeerLink } from "./replication.ts";

export interface PeerLinks {
  /** @throws ShoalError invalid_argument - this server was not told how others are reached */
  connect(to: SeatHolder, run: string, from: SeatHolder): PeerLink;
}

/** @param lines told which connections work and which break */
export function createPeerLinks(factory: ReplicaLinkFactory | undefined, lines: LineReports | undefined): PeerLinks {
  const open = new Map<string, { readonly link: ReplicaLink; users: number }>();
  return {
    connect(to, run, from) {
      if (factory === undefined) {
        throw new ShoalError("invalid_argument", `${from.node} has no links to other servers, such as ${to.node}`);
      }
      const key = [run, to.member, to.incarnation, to.endpoint, from.member, from.incarnation].join("/");
      const shared = open.get(key) ?? { link: watch(factory.connect(to, run, from), to, lines), users: 0 };
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

function watch(link: ReplicaLink, { node }: SeatHolder, lines: LineReports | undefined): ReplicaLink {
  if (lines === undefined) return link;
  const watched = async <R>(call: Promise<R>): Promise<R> => {
    try {
      const reply = await call;
      lines.works(node);
      return reply;
    } catch (error) {
      lines.broke(node, ShoalError.from(error));
      throw error;
    }
  };
  return {
    replicate: (entry, options) => watched(link.replicate(entry, options)),
    install: (part, options) => watched(link.install(part, options)),
    close: () => link.close(),
  };
}
