/** What a bus tells an asker whose target's node is not there. */
import { ShoalError } from "@shoal/errors";
import type { Address } from "../address.ts";
import type { ErrorEnvelope } from "../envelope/envelope.ts";

/** @param asker - the reply address of the ask  @param target - whom it asked */
export function nobodyListens(asker: Address, target: Address): ErrorEnvelope {
  const error = new ShoalError("actor_not_found", `no node on the bus answers for ${target}`, { actor: target });
  return { kind: "error", to: asker, error: error.toJSON() };
}
