/** Servers of a cluster as a coordinator knows them, and the small job that decisions about their shards are tried with. */
import type { SeatHolder } from "@shoal/protocol";
import { checkJob } from "../../packages/coordinator/src/job/check-job.ts";
import {
  emptyMembership,
  type Member,
  type MembershipState,
} from "../../packages/coordinator/src/membership/membership.ts";
import { noSigns } from "../../packages/coordinator/src/membership/signs.ts";

export const smallJob = checkJob({
  name: "a",
  model: { inputs: 4, layers: [{ type: "dense", outputs: 2 }], loss: { type: "softmax_cross_entropy" } },
  data: { type: "csv", file: "a.csv", labelColumn: "b" },
  batchSize: 1,
  optimizer: { name: "sgd", learningRate: 0.1 },
});

/** Member `number` in its first life. */
export function serverHolder(number: number): SeatHolder {
  return { member: number, incarnation: 1, node: `server-${number}`, endpoint: `server-${number}` };
}

/** Servers 1 to `count`, all of them heard at `heardAtMs`. @param leaving - those that leave in order */
export function liveServers(count: number, leaving: readonly number[] = [], heardAtMs = 0): MembershipState {
  const members = Array.from({ length: count }, (_, index): [number, Member] => {
    const { member, incarnation, node: name, endpoint } = serverHolder(index + 1);
    const life = { alive: true, ready: true, heardAtMs, leaving: leaving.includes(member), ...noSigns };
    return [
      member,
      { ...{ member, incarnation, name, role: "server", endpoint, control: `${name}/control` }, ...life },
    ];
  });
  return { ...emptyMembership, members: new Map(members) };
}
