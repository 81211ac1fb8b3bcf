/** The one implementation of `Ref`: an address and the system that knows the way to it. */
import { isAddress, parseAddress, type Address } from "./address.ts";
import type { Ref } from "./ref.ts";

/** Finds the way to an address. */
export interface Router {
  /** @throws ShoalError as {@link Ref.tell} */
  route(target: ActorRef<unknown>, message: unknown): void;
}

/** A class, because the codec recognises refs inside messages by it. */
export class ActorRef<M> implements Ref<M> {
  readonly address: Address;
  readonly node: string;
  readonly name: string;
  readonly #router: Router;

  /** @throws ShoalError `invalid_argument` - `address` is not an address */
  constructor(address: Address, router: Router) {
    const { node, name } = parseAddress(address);
    this.address = address;
    this.node = node;
    this.name = name;
    this.#router = router;
  }

  tell(message: M): void {
    this.#router.route(this, message);
  }

  toJSON(): Address {
    return this.address;
  }
}

/** True for a `Ref`: the check for schemas of messages. Decoded data cannot pretend to be one, it has no functions. */
export function isRef(value: unknown): value is Ref<never> {
  if (typeof value !== "object" || value === null) return false;
  const { address, tell } = value as { address?: unknown; tell?: unknown };
  return typeof tell === "function" && isAddress(address);
}
