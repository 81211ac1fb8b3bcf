/**
 * What a worker pushed in a lossy encoding has to be what one encoder makes of its gradients, one after the other: an error
 * that is sent twice, or never, shows in the bytes of the next push.
 */
import { createEncoder, parseEncodingSpec, type Encoder, type EncoderSnapshot } from "@shoal/optimization";
import { sameWords, type PushEvent, type PushSession, type Witness } from "../world/witness.ts";
import type { WorldSite } from "../world/world.ts";
import type { DiskWatch } from "./check-disk.ts";

export function checkFeedback(witness: Witness, disk: DiskWatch, site: WorldSite): readonly string[] {
  const sessions = [...witness.sessions.values()];
  const shared = new Map<string, PushSession[]>();
  for (const session of sessions) {
    const { era, shard, slot } = session;
    if (era.hosting.consistency.mode !== "synchronous" || era.origin !== undefined) continue;
    const key = `${era.index} ${shard} ${slot}`;
    shared.set(key, [...(shared.get(key) ?? []), session]);
  }
  const moved = [...shared.values()].filter(({ length }) => length > 1);
  const inMoved = new Set(moved.flat());
  const alone = sessions.filter((session) => !inMoved.has(session));
  const broken = moved.flatMap((those) => checkMoved(those, site) ?? []);
  return [
    ...broken,
    ...alone.flatMap((session) => {
      const events = eventsOf(session, sessions, disk);
      return events === undefined ? [] : (checkEvents(session.name, events, site) ?? []);
    }),
  ];
}

interface Step {
  readonly session: PushSession;
  readonly event: PushEvent;
}

/**
 * A slot that several workers computed, one after the other: each goes on with its own state, with that of the one before it, or
 * afresh. That what was handed over is not lost shows in the model's bits.
 */
function checkMoved(sessions: readonly PushSession[], site: WorldSite): string | undefined {
  const steps = sessions
    .flatMap((session) => session.events.map((event): Step => ({ session, event })))
    .toSorted((a, b) => a.event.push.clock - b.event.push.clock);
  return withEncoder(steps[0]?.event, site, ({ encoder, encode, giveBack }) => {
    const fresh = encoder.snapshot();
    const states = new Map<PushSession, EncoderSnapshot>();
    let newest = fresh;
    for (const { session, event } of steps) {
      const { push, heard } = event;
      if (push.samples === 0) continue;
      if (push.computed === undefined) return undefined;
      const own = states.get(session);
      if (heard === undefined) {
        const candidates = [...(own === undefined ? [] : [own]), newest, fresh];
        const fits = candidates.some((state) => {
          encoder.restore(state);
          return encode(event);
        });
        if (!fits) return `push ${push.sequence} of ${session.name} is not what any state of its slot makes of it`;
      } else {
        if (!isUnused(heard) || own === undefined) continue;
        encoder.restore(own);
        giveBack(event);
      }
      const state = encoder.snapshot();
      if (heard === undefined || newest === own) newest = state;
      states.set(session, state);
    }
    return undefined;
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
function checkEvents(name: string, events: readonly PushEvent[], site: WorldSite): string | undefined {
  return withEncoder(events[0], site, ({ encode, giveBack }) => {
    for (const event of events) {
      const { push, heard } = event;
      if (push.samples === 0) continue;
      if (push.computed === undefined) return undefined;
      if (heard !== undefined) {
        if (isUnused(heard)) giveBack(event);
      } else if (!encode(event)) {
        return `push ${push.sequence} of ${name} is not what its gradients and the errors before them make`;
      }
    }
    return undefined;
  });
}

interface PlayedEncoder {
  readonly encoder: Encoder;
  /** @returns whether it makes what was pushed of what was computed */
  readonly encode: (event: PushEvent) => boolean;
  readonly giveBack: (event: PushEvent) => void;
}

/** @param first says which encoding it is; undefined is returned where there is none */
function withEncoder(
  first: PushEvent | undefined,
  { kernels, memory, vectors }: WorldSite,
  play: (played: PlayedEncoder) => string | undefined,
): string | undefined {
  const spec = parseEncodingSpec(first?.push.era.hosting.encoding?.push ?? { name: "float32" });
  const size = first?.push.computed?.length;
  if (size === undefined || spec.name === "auto" || spec.name === "float32") return undefined;
  const encoder = createEncoder(spec, { size, kernels, memory });
  const [gradient, payload] = [vectors.take(size), vectors.take(encoder.bytes / 4)];
  const [gradientAt, payloadAt] = [memory.offsetOf(gradient.view) ?? 0, memory.offsetOf(payload.view) ?? 0];
  try {
    return play({
      encoder,
      encode({ push }) {
        gradient.view.set(push.computed ?? []);
        encoder.encode(gradientAt, payloadAt, push.batch ?? push.sequence);
        return sameWords(push.gradient, payload.view);
      },
      giveBack({ push }) {
        gradient.view.set(push.computed ?? []);
        payload.view.set(push.gradient);
        encoder.giveBack(payloadAt, gradientAt);
      },
    });
  } finally {
    encoder.dispose();
    for (const vector of [gradient, payload]) vector.release();
  }
}

/** What is never applied is sent with the next push: a rejected one, and one whose batch somebody else had brought. */
function isUnused(reply: NonNullable<PushEvent["heard"]>): boolean {
  return reply.type === "push_rejected" || (reply.type === "push_duplicate" && reply.of === "batch");
}
