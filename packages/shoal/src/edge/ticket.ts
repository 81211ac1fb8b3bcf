/**
 * Invitations to a task: who holds one may enrol a client, until it ends. A ticket is what it says and an HMAC-SHA256 of
 * that with a key which never leaves the machine of `shoal edge`; nothing is kept of those that were given out.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { z } from "zod";

export interface Ticket {
  readonly cluster: string;
  readonly task: string;
  /** Whom it lets in; null: everybody who has it, each under a name of its own. */
  readonly client: string | null;
  /** Seconds since 1970. */
  readonly expiresAt: number;
}

const version = "shoal1";
const mostLength = 2_048;
const schema: z.ZodType<Ticket> = z.strictObject({
  cluster: z.string(),
  task: z.string(),
  client: z.string().nullable(),
  expiresAt: z.int(),
});

/** @returns letters, digits, "-", "_" and "." */
export function writeTicket(ticket: Ticket, key: Uint8Array): string {
  const { cluster, task, client, expiresAt } = ticket;
  const said = `${version}.${Buffer.from(JSON.stringify({ cluster, task, client, expiresAt })).toString("base64url")}`;
  return `${said}.${seal(said, key)}`;
}

/** Undefined where it was not written with this key, whatever it is. Says nothing about whether it has ended. */
export function readTicket(text: string, key: Uint8Array): Ticket | undefined {
  const cut = text.lastIndexOf(".");
  if (text.length > mostLength || cut < 0) return undefined;
  const said = text.slice(0, cut);
  const [found, expected] = [Buffer.from(text.slice(cut + 1)), Buffer.from(seal(said, key))];
  if (found.length !== expected.length || !timingSafeEqual(found, expected)) return undefined;
  const [name, body = ""] = said.split(".");
  if (name !== version) return undefined;
  return schema.parse(JSON.parse(Buffer.from(body, "base64url").toString()));
}

function seal(said: string, key: Uint8Array): string {
  return createHmac("sha256", key).update(said).digest("base64url");
}
