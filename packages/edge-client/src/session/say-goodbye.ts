/** The last word of a client. */
import type { ClientPlane } from "@shoal/federated";

const goodbyeMs = 500;

/** Nobody waits for its answer longer than a moment: a lease ends by itself. */
export async function sayGoodbye(plane: ClientPlane, reason: string): Promise<void> {
  await plane.request({ type: "leave", reason: reason.slice(0, 256) }, goodbyeMs).catch(() => undefined);
}
