/** What a stream says once, as gRPC metadata: who speaks, and with which token. */
import { ShoalError } from "@shoal/errors";
import type { LinkIdentity } from "../exchange/requests.ts";
import { countSchema, nameSchema } from "../messages/schema.ts";

/** Full name of the service, as in `proto/shoal/v1/parameter_server.proto`. */
export const serviceName = "shoal.v1.ParameterServer";

export type RpcMethod = "Push" | "Pull" | "PushPull" | "Exchange";
export const rpcMethods: readonly RpcMethod[] = ["Push", "Pull", "PushPull", "Exchange"];

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
  incarnation: "shoal-incarnation",
  node: "shoal-node",
} as const;

/** @param token the cluster's token; undefined where it has none */
export function writeStreamMetadata(identity: LinkIdentity, token: string | undefined): Record<string, string> {
  return {
    ...(token === undefined ? {} : { [keys.token]: `bearer ${token}` }),
    [keys.run]: identity.run,
    [keys.worker]: String(identity.worker),
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
