/** What a stream says once, as gRPC metadata: who speaks, and with which token. */
import { ShoalError } from "@shoal/errors";
import type { LinkIdentity } from "../exchange/requests.ts";
import { countSchema, nameSchema } from "../messages/schema.ts";

/** Full name of the service, as in `proto/shoal/v1/parameter_server.proto`. */
export const serviceName = "shoal.v1.ParameterServer";

export type RpcMethod = "Push" | "Pull" | "PushPull" | "Exchange" | "Replicate";
export const rpcMethods: readonly RpcMethod[] = ["Push", "Pull", "PushPull", "Exchange", "Replicate"];

/** The HTTP/2 path of a method. */
export function methodPath(method: RpcMethod): string {
  return `/${serviceName}/${method}`;
}

/** The method of a path; undefined when the service has none of that name. */
export function methodOfPath(path: string): RpcMethod | undefined {
  return rpcMethods.find((method) => methodPath(method) === path);
}

const keys = {
  token: "authorization",
  run: "shoal-run",
  worker: "shoal-worker",
  server: "shoal-server",
  incarnation: "shoal-incarnation",
  node: "shoal-node",
} as const;

/** A server that speaks to another server about the shards of a run. */
export interface PeerIdentity {
  readonly run: string;
  /** Member number of the speaking server. */
  readonly server: number;
  readonly incarnation: number;
  /** Its node name. */
  readonly name: string;
}

/** @param token the cluster's token; undefined where it has none */
export function writeStreamMetadata(
  identity: LinkIdentity | PeerIdentity,
  token: string | undefined,
): Record<string, string> {
  const [role, member] = "server" in identity ? [keys.server, identity.server] : [keys.worker, identity.worker];
  return {
    ...(token === undefined ? {} : { [keys.token]: `bearer ${token}` }),
    [keys.run]: identity.run,
    [role]: String(member),
    [keys.incarnation]: String(identity.incarnation),
    [keys.node]: identity.name,
  };
}

/** Gives the value of a metadata key, if there is one. */
export type MetadataReader = (key: string) => string | undefined;

/** @throws ShoalError invalid_argument - a value is missing or no name or number; the message names it */
export function readIdentity(read: MetadataReader): LinkIdentity {
  return {
    run: readName(read, keys.run),
    worker: readCount(read, keys.worker),
    incarnation: readCount(read, keys.incarnation),
    name: readName(read, keys.node),
  };
}

/** The same of a server. @throws ShoalError invalid_argument; permission_denied - a worker speaks */
export function readPeerIdentity(read: MetadataReader): PeerIdentity {
  if (read(keys.worker) !== undefined) {
    throw new ShoalError("permission_denied", `what servers say to each other is not taken from a worker`);
  }
  return {
    run: readName(read, keys.run),
    server: readCount(read, keys.server),
    incarnation: readCount(read, keys.incarnation),
    name: readName(read, keys.node),
  };
}

/** The token that the caller shows; undefined when it shows none. */
export function readToken(read: MetadataReader): string | undefined {
  const value = read(keys.token);
  return value !== undefined && /^bearer /i.test(value) ? value.slice("bearer ".length) : undefined;
}

function readName(read: MetadataReader, key: string): string {
  const value = read(key);
  const result = nameSchema.safeParse(value);
  if (result.success) return result.data;
  throw invalid(key, "a name", value);
}

function readCount(read: MetadataReader, key: string): number {
  const value = read(key);
  if (value !== undefined && /^[0-9]{1,10}$/.test(value) && countSchema.safeParse(Number(value)).success) {
    return Number(value);
  }
  throw invalid(key, "an unsigned 32-bit number", value);
}

function invalid(key: string, expected: string, value: string | undefined): ShoalError {
  const found = value === undefined ? "nothing" : JSON.stringify(value.slice(0, 100));
  return new ShoalError("invalid_argument", `metadata ${key} must be ${expected}, not ${found}`, { field: key });
}
