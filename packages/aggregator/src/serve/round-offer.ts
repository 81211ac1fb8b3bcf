/** What a client is told of the round that it is in. */
import {
  contributionId,
  isEnded,
  isSentAtOnce,
  type ControlOffer,
  type Device,
  type EncodingSpec,
  type Member,
  type RoundOffer,
  type RoundState,
  type WholeVector,
} from "@shoal/federated";
import { versionOf, type Room } from "./room.ts";

/** The offer for a member of the open round; undefined where it is none, or has no encoding in common with the task. */
export function offerFor(room: Room, client: string): RoundOffer | undefined {
  const { keeper, registry, settings, clock } = room;
  const { round } = keeper.record;
  const member = membersOf(round).find((each) => each.client === client);
  const device = registry.find(client)?.device;
  if (isEnded(round) || member === undefined || device === undefined) return undefined;
  const version = versionOf(room, member.sinceRound);
  const [down, up] = [choose(room.description.down, device), choose(room.description.up, device)];
  if (version === undefined || down === undefined || up === undefined) return undefined;
  const { plan } = settings;
  const leftMs = Math.max(0, member.byMs - clock.now());
  const isAsked = member.status === "offered";
  return {
    ...{ round: member.sinceRound, version, down, up, clip: keeper.record.lasting.clip },
    control: controlFor(room, client),
    answerWithinMs: isAsked ? leftMs : 0,
    reportWithinMs: isAsked ? plan.reportingTimeoutMs : leftMs,
    evaluates: settings.evaluates,
    traceparent: room.traces.traceparent(client, member.sinceRound),
  };
}

/** What has become of the client's last contributions: with that it knows what its own control is. */
function controlFor({ control, keeper, task }: Room, client: string): ControlOffer | null {
  const { lasting, outcomes, round, versions } = keeper.record;
  if (control === undefined || lasting.control === null) return null;
  const uncounted = control.uncountedOf(client);
  const accepted = new Set(outcomes.flatMap(([id, isAccepted]) => (isAccepted ? [id] : [])));
  const counted = versions
    .map(([number]) => number)
    .filter((number) => number < round.number && !uncounted.includes(number))
    .filter((number) => accepted.has(contributionId(client, task, number)));
  const { epoch, undone = [], restorable = [] } = lasting.control;
  return { epoch, counted, uncounted, undone, restorable };
}

/** The values of the round that a client is in, where they are few enough to go with an answer. */
export function valuesAtOnce(room: Room, client: string): WholeVector | null {
  const offer = offerFor(room, client);
  const manifest = offer === undefined ? undefined : room.values.describe(offer.round, offer.down)?.manifest;
  if (manifest === undefined || !isSentAtOnce(manifest)) return null;
  const content = room.values.chunk(manifest.hash, 0);
  if (content === undefined) return null;
  room.traffic.down += content.length;
  return { manifest, content };
}

export function membersOf(round: RoundState): readonly Member[] {
  if (isEnded(round)) return round.carried.members;
  if (round.phase === "committing") return round.carried.members;
  return round.phase === "selecting" ? [] : round.members;
}

/** The name of the first of the task's encodings that the device has. */
export function choose(encodings: readonly EncodingSpec[], device: Device): string | undefined {
  return encodings.map(nameOf).find((name) => device.encodings.includes(name));
}

export function nameOf(encoding: EncodingSpec): string {
  return String(encoding["name"]);
}
