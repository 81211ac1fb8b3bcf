/** What the coordinator counts (names and units: `protocol/src/metrics.ts`). */
import { metrics, type ObservableResult } from "@opentelemetry/api";
import { attributes, meterName, metricDefinitions, roleAttribute } from "@shoal/protocol";
import type { MemberRole, MembershipState } from "../membership/membership.ts";
import type { EndedLease } from "../dispatch/step.ts";

export interface CoordinatorMetrics {
  leaseEnded(lease: EndedLease): void;
  /** Counts the living from now on. @param membership undefined while it is not known */
  observe(membership: () => MembershipState | undefined): void;
  /** Observes no more. */
  end(): void;
}

const roles: readonly MemberRole[] = ["worker", "server"];

/** Makes the instruments; with the provider that is installed now. */
export function createCoordinatorMetrics(): CoordinatorMetrics {
  const meter = metrics.getMeter(meterName);
  const definitions = metricDefinitions;
  const ends = meter.createCounter(definitions.leaseEnds.name, definitions.leaseEnds);
  const living = meter.createObservableGauge(definitions.members.name, definitions.members);
  let membership: () => MembershipState | undefined = () => undefined;
  const count = (result: ObservableResult): void => {
    const known = membership();
    if (known === undefined) return;
    for (const role of roles) result.observe(countAlive(known, role), { [roleAttribute]: role });
  };
  living.addCallback(count);
  return {
    leaseEnded({ role, end }) {
      ends.add(1, { [roleAttribute]: role, [attributes.outcome]: end });
    },
    observe(source) {
      membership = source;
    },
    end: () => living.removeCallback(count),
  };
}

function countAlive({ members }: MembershipState, role: MemberRole): number {
  let alive = 0;
  for (const member of members.values()) if (member.alive && member.role === role) alive += 1;
  return alive;
}
