/** The key of a cluster's invitations: 32 random bytes in a file that its user alone can read, made when first needed. */
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ShoalError } from "@shoal/errors";
import { notWritable, stateFolder, type Environment } from "../environment/folders.ts";

const keyBytes = 32;

/** The same for `shoal edge` and `shoal edge invite`. @throws ShoalError file_not_writable; invalid_argument - not a key */
export function ticketKey(cluster: string, environment: Environment): Uint8Array {
  const folder = join(stateFolder(environment), "edge");
  const path = join(folder, `${cluster}.key`);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // "wx": of two that make it at the same moment one does.
    writeFileSync(path, randomBytes(keyBytes), { mode: 0o600, flag: "wx" });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw notWritable(path, cause);
  }
  const key = readFileSync(path);
  if (key.length === keyBytes) return key;
  const sentence = `${path} is no key (${key.length} bytes); remove it: invitations given out so far then end`;
  throw new ShoalError("invalid_argument", sentence, { path });
}
