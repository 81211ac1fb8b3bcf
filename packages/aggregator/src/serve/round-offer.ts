/** What a client is told of the round that it is in. */
import { isEnded, type Device, type Member, type RoundOffer, type RoundState } from "@shoal/federated";
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
    answerWithinMs: isAsked ? leftMs : 0,
    reportWithinMs: isAsked ? plan.reportingTimeoutMs : leftMs,
    evaluates: settings.evaluates,
    traceparent: room.traces.traceparent(client, member.sinceRound),
  };
}

export function membersOf(round: RoundState): readonly Member[] {
  if (isEnded(round)) return round.carried.members;
  if (round.phase === "committing") return round.carried.members;
  return round.phase === "selecting" ? [] : round.members;
}

/** The first of the task's encodings that the device has. */
export function choose(encodings: readonly string[], device: Device): string | undefined {
  return encodings.find((encoding) => device.encodings.includes(encoding));
}
