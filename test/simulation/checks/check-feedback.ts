/**
 * What a worker pushed in a lossy encoding has to be what one encoder makes of its gradients, one after the other: an error
 * that is sent twice, or never, shows in the bytes of the next push.
 */
import { createEncoder, parseEncodingSpec } from "@shoal/optimization";
import { sameWords, type PushEvent, type Witness } from "../world/witness.ts";
import type { WorldSite } from "../world/world.ts";

export function checkFeedback(witness: Witness, site: WorldSite): readonly string[] {
  return [...witness.sessions].flatMap(([name, events]) => checkSession(name, events, site) ?? []);
}

/** @param events of one session of a worker, one shard and one slot, as the worker saw them */
function checkSession(
  name: string,
  events: readonly PushEvent[],
  { kernels, memory, vectors }: WorldSite,
): string | undefined {
  const [first] = events;
  const spec = parseEncodingSpec(first?.push.era.hosting.encoding?.push ?? { name: "float32" });
  const size = first?.push.computed?.length;
  if (size === undefined || spec.name === "auto" || spec.name === "float32") return undefined;
  const encoder = createEncoder(spec, { size, kernels, memory });
  const [gradient, payload] = [vectors.take(size), vectors.take(encoder.bytes / 4)];
  const [gradientAt, payloadAt] = [memory.offsetOf(gradient.view) ?? 0, memory.offsetOf(payload.view) ?? 0];
  try {
    for (const { push, heard } of events) {
      if (push.samples === 0) continue;
      if (push.computed === undefined) return undefined;
      gradient.view.set(push.computed);
      if (heard === undefined) {
        encoder.encode(gradientAt, payloadAt, push.batch ?? push.sequence);
        if (sameWords(push.gradient, payload.view)) continue;
        return `push ${push.sequence} of ${name} is not what its gradients and the errors before them make`;
      }
      if (!isUnused(heard)) continue;
      payload.view.set(push.gradient);
      encoder.giveBack(payloadAt, gradientAt);
    }
    return undefined;
  } finally {
    encoder.dispose();
    for (const vector of [gradient, payload]) vector.release();
  }
}

/** What is never applied is sent with the next push: a rejected one, and one whose batch somebody else had brought. */
function isUnused({ reply, attempts }: NonNullable<PushEvent["heard"]>): boolean {
  return reply.type === "push_rejected" || (reply.type === "push_duplicate" && attempts === 1);
}
