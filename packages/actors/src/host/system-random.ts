/** A random stream that is different in every process. */
import { createRandom, type Random } from "../random.ts";

/** Seeds a stream with 128 bits from the machine. */
export function createSystemRandom(): Random {
  const words = crypto.getRandomValues(new Uint32Array(4));
  return createRandom(words.join("-"));
}
