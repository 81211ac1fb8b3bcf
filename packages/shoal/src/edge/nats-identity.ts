/**
 * Who may do what on the nats-server of `shoal edge`, as signed claims (NATS JWT, version 2): an operator that the server
 * is told to trust, one account of all clients, and for each client a pass with the subjects of its own. The server needs
 * nothing more to check them, so clients come and go without its being told, and it ends a connection with its pass.
 */
import { createHash } from "node:crypto";
import type { ClientPermissions } from "@shoal/federated";
import { createNatsSigner, type NatsSigner } from "./nats-signer.ts";

/** What the server is told; holds no secret. */
export interface EdgeTrust {
  readonly operator: string;
  readonly account: string;
  readonly accountClaims: string;
}

export interface EdgeIdentity {
  readonly trust: EdgeTrust;
  /** A pass for the holder of a user key. */
  issue(pass: PassRequest): string;
}

export interface PassRequest {
  readonly client: string;
  readonly publicKey: string;
  readonly permissions: ClientPermissions;
  readonly nowMs: number;
  readonly untilMs: number;
}

const unlimited = -1;
/** A client subscribes to what it is told, what all are told, and its answers. */
const mostSubscriptions = 8;

/** Keys that live as long as this process: passes do not outlive it by more than their minutes. */
export function createEdgeIdentity(nowMs: number): EdgeIdentity {
  const [operator, account] = [createNatsSigner("operator"), createNatsSigner("account")];
  const limits = { subs: unlimited, data: unlimited, payload: unlimited, imports: unlimited, exports: unlimited };
  const rest = { wildcards: true, conn: unlimited, leaf: unlimited };
  const own = { name: "shoal", sub: operator.name, nats: { type: "operator", version: 2 } };
  const clients = {
    name: "clients",
    sub: account.name,
    nats: { type: "account", version: 2, limits: { ...limits, ...rest } },
  };
  return {
    trust: {
      operator: sign(own, operator, nowMs),
      account: account.name,
      accountClaims: sign(clients, operator, nowMs),
    },
    issue({ client, publicKey, permissions, nowMs: now, untilMs }) {
      const nats = {
        ...{ type: "user", version: 2, subs: mostSubscriptions, data: unlimited, payload: unlimited },
        pub: { allow: permissions.publish },
        sub: { allow: permissions.subscribe },
        allowed_connection_types: ["WEBSOCKET"],
      };
      return sign({ name: client, sub: publicKey, exp: Math.floor(untilMs / 1_000), nats }, account, now);
    },
  };
}

/** Parts in base64url with points between; the signature is of what stands before it. */
function sign(claims: object, issuer: NatsSigner, nowMs: number): string {
  const dated = { ...claims, iss: issuer.name, iat: Math.floor(nowMs / 1_000) };
  const jti = createHash("sha256").update(JSON.stringify(dated)).digest("hex");
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const said = `${part({ typ: "JWT", alg: "ed25519-nkey" })}.${part({ ...dated, jti })}`;
  return `${said}.${Buffer.from(issuer.sign(Buffer.from(said))).toString("base64url")}`;
}
