/** Addresses: `node/name`, the same in one process and across machines. */
import { ShoalError } from "@shoal/errors";

/** `node/name`; both sides match {@link maximumNamePartLength} characters of `[a-z0-9][a-z0-9_-]*`. */
export type Address = string;

/** Longest node or actor name, in characters: three of them and a cluster's fit a NATS subject with room to spare. */
export const maximumNamePartLength = 128;

const partPattern = /^[a-z0-9][a-z0-9_-]{0,127}$/;

/** True for a string that can be a node's or an actor's name. */
export function isNamePart(value: unknown): value is string {
  return typeof value === "string" && partPattern.test(value);
}

/** @throws ShoalError `invalid_argument` naming what was wrong, when `value` cannot be a node's or an actor's name. */
export function checkNamePart(value: string, what: string): string {
  if (isNamePart(value)) return value;
  throw new ShoalError(
    "invalid_argument",
    `${what} must be 1 to ${String(maximumNamePartLength)} of a-z, 0-9, "-" and "_", beginning with a letter or digit, not ${JSON.stringify(value)}`,
    { field: what },
  );
}

/** @throws ShoalError `invalid_argument` when one of the parts is not a name. */
export function makeAddress(node: string, name: string): Address {
  return `${checkNamePart(node, "node")}/${checkNamePart(name, "name")}`;
}

/** Splits an address. @throws ShoalError `invalid_argument` when it is not one. */
export function parseAddress(address: Address): { readonly node: string; readonly name: string } {
  const slash = address.indexOf("/");
  const node = address.slice(0, Math.max(slash, 0));
  const name = address.slice(slash + 1);
  if (slash > 0 && partPattern.test(node) && partPattern.test(name)) return { node, name };
  throw new ShoalError("invalid_argument", `an address is "node/name", not ${JSON.stringify(address.slice(0, 300))}`, {
    field: "address",
  });
}

/** True for a well-formed address. */
export function isAddress(value: unknown): value is Address {
  if (typeof value !== "string") return false;
  const slash = value.indexOf("/");
  return slash > 0 && partPattern.test(value.slice(0, slash)) && partPattern.test(value.slice(slash + 1));
}
