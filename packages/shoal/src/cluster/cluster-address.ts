/** Which cluster a command means: flags before environment before the cluster of this machine. */
import { ShoalError } from "@shoal/errors";
import type { Environment } from "../environment/folders.ts";
import { liveClusters } from "./cluster-file.ts";

export interface ClusterAddress {
  readonly cluster: string;
  readonly nats: string;
  readonly leaf?: string | undefined;
  readonly token: string;
  /** Process that keeps it up, where that is one of this machine. */
  readonly pid?: number | undefined;
}

export interface ClusterOptions {
  readonly nats?: string | undefined;
  readonly cluster?: string | undefined;
}

export const defaultCluster = "shoal";

/**
 * @throws ShoalError no_capacity - no cluster was named and none, or more than one, runs here
 * @throws ShoalError unauthenticated - an address without a token
 */
export function resolveCluster(options: ClusterOptions, environment: Environment): ClusterAddress {
  const nats = options.nats ?? environment["SHOAL_NATS"];
  const named = options.cluster ?? environment["SHOAL_CLUSTER"];
  if (nats !== undefined) return { nats, cluster: named ?? defaultCluster, token: requireToken(environment) };
  const clusters = liveClusters(environment).filter((file) => named === undefined || file.cluster === named);
  const [only] = clusters;
  if (only !== undefined && clusters.length === 1) return only;
  const sentence =
    only === undefined
      ? `no cluster${named === undefined ? "" : ` called ${named}`} runs on this machine; start one with \`shoal up\`, or name one with --nats`
      : `several clusters run on this machine (${clusters.map((file) => file.cluster).join(", ")}); choose one with --cluster`;
  throw new ShoalError("no_capacity", sentence);
}

/** @throws ShoalError unauthenticated - SHOAL_TOKEN is not set */
export function requireToken(environment: Environment): string {
  const token = environment["SHOAL_TOKEN"];
  if (token !== undefined && token !== "") return token;
  throw new ShoalError(
    "unauthenticated",
    "SHOAL_TOKEN is not set: coordinator, servers and workers of a cluster and its nats-server share one secret in it",
  );
}
