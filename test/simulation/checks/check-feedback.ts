/**
 * What a worker pushed in a lossy encoding has to be what one encoder makes of its gradients, one after the other: an error
 * that is sent twice, or never, shows in the bytes of the next push.
 */
import { createEncoder, parseEncodingSpec } from "@shoal/optimization";
import { sameWords, type PushEvent, type PushSession, type Witness } from "../world/witness.ts";
import type { WorldSite } from "../world/world.ts";
import type { DiskWatch } from "./check-disk.ts";

export function checkFeedback(witness: Witness, disk: DiskWatch, site: WorldSite): readonly string[] {
  const sessions = [...witness.sessions.values()];
  return sessions.flatMap((session) => {
    const events = eventsOf(session, sessions, disk);
    return events === undefined ? [] : (checkEvents(session.name, events, site) ?? []);
  });
}

/**
 * What one encoder was given until this session ended: a synchronous run that goes on from a snapshot gives a slot what it
 * had left unsent then.
 * @returns undefined where more than one session had its part in that
 */
function eventsOf(
  session: PushSession,
  all: readonly PushSession[],
  disk: DiskWatch,
): readonly PushEvent[] | undefined {
  const { era, shard, slot, events } = session;
  const { origin } = era;
  if (origin === undefined || era.hosting.consistency.mode !== "synchronous") return events;
  const manifest = disk.published.findLast(({ snapshot }) => snapshot === origin.snapshot);
  if (manifest?.slotStates?.some((saved) => saved.slot === slot) !== true) return events;
  const isSame = (each: PushSession): boolean => each.shard === shard && each.slot === slot;
  if (all.filter((each) => isSame(each) && each.era === era).length > 1) return undefined;
  const before = all.filter((each) => isSame(each) && each.era === origin.era);
  const [only] = before;
  if (only === undefined || before.length > 1) return undefined;
  const former = eventsOf(only, all, disk)?.filter(({ push }) => push.clock < manifest.step);
  return former && [...former, ...events];
}

/** @param events as the worker saw them */
function checkEvents(
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
function isUnused(reply: NonNullable<PushEvent["heard"]>): boolean {
  return reply.type === "push_rejected" || (reply.type === "push_duplicate" && reply.of === "batch");
}
