/** Reads a seat from the point of view of one node. */
import type { SeatHolder, ShardRole, ShardSeat } from "@shoal/protocol";

/** @returns undefined when the seat does not name the node */
export function roleIn(seat: ShardSeat, node: string): ShardRole | undefined {
  const isNode = (holder: SeatHolder): boolean => holder.node === node;
  if (isNode(seat.primary)) return "primary";
  if (seat.replicas.some(isNode)) return "replica";
  return seat.learners.some(isNode) ? "learner" : undefined;
}

/** "server-2 (replica)": how a holder is called in waits. */
export function describeHolder(node: string, role: ShardRole): string {
  return `${node} (${role})`;
}
