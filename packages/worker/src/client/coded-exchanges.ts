/** Exchanges with one shard whose vectors go through the client's coding, and what is counted of them. */
import type { Clock } from "@shoal/actors";
import { isShoalError, ShoalError } from "@shoal/errors";
import type { PullReply, PushRequest, ShardPlacement } from "@shoal/protocol";
import type { Contribution, PullTarget } from "./contribution.ts";
import type { DuePorts } from "./due-exchange.ts";
import type { ComputedIn, Computing } from "./exchange-kind.ts";
import type { ExchangeMetrics } from "./exchange-metrics.ts";
import { pullExchange, pushExchange, pushPullExchange, type BareExchange } from "./exchanges.ts";
import type { PartPull } from "./pulled-values.ts";
import type { ShardOutcome } from "./staged-push.ts";
import type { Moved, TrafficCount } from "./traffic.ts";
import type { CodedPush, VectorCoding } from "./vector-coding.ts";

export interface CodedPorts {
  readonly clock: Clock;
  readonly coding: VectorCoding;
  readonly traffic: TrafficCount;
  readonly metrics: ExchangeMetrics;
  /** Aborted when the client is closed: the coding is then no more. */
  readonly signal: AbortSignal;
  readonly placementOf: DuePorts["placementOf"];
  /** The next request of the shard at a position. */
  readonly nextPush: (contribution: Contribution, placement: ShardPlacement, index: number) => PushRequest;
  readonly run: <R>(exchange: BareExchange<R>) => Promise<R>;
}

export function createCodedExchanges(ports: CodedPorts): DuePorts {
  const { coding, run, placementOf } = ports;
  return {
    placementOf,
    exchange: (index, contribution, target) => exchange(ports, index, contribution, target),
    async pull(target, placement, index) {
      const pulled = coding.pulled.open(index);
      const reply = await run(pullExchange(target, placement, () => pulled.ask()));
      arrive(ports, { target, index, placement, pulled }, reply);
      return reply.version;
    },
  };
}

async function exchange(
  ports: CodedPorts,
  index: number,
  contribution: Contribution,
  target: PullTarget | undefined,
): Promise<ShardOutcome> {
  const { clock, coding, signal } = ports;
  const placement = ports.placementOf(index);
  if (placement === undefined) throw new RangeError(`there is no shard at position ${index}`);
  if (signal.aborted) throw new ShoalError("cancelled", "the parameter client was closed");
  const startedAtMs = clock.now();
  const coded = encode(ports, index, ports.nextPush(contribution, placement, index), contribution.slot);
  const pulled = coding.pulled.open(index);
  const outcome: ShardOutcome =
    target === undefined
      ? { push: await ports.run(pushExchange(contribution, coded)) }
      : await ports.run(pushPullExchange(contribution, coded, target, placement, () => pulled.ask()));
  const elapsedMs = clock.now() - startedAtMs;
  coded.answered(outcome.push);
  note(ports, coded.moved);
  const { pull } = outcome;
  const arrived = target !== undefined && pull !== undefined;
  const pulledBytes = arrived ? arrive(ports, { target, index, placement, pulled }, pull) : 0;
  const bytes = coded.moved.bytesAfter + pulledBytes;
  whenComputed(contribution.computed, (computeMs) => coding.observe(index, bytes, elapsedMs, computeMs));
  return outcome;
}

/** @throws ShoalError not_finite - with what is known of the push */
function encode({ coding }: CodedPorts, index: number, request: PushRequest, slot = 0): CodedPush {
  try {
    return coding.encode(index, request, slot);
  } catch (error) {
    if (!isShoalError(error, "not_finite")) throw error;
    const { shard, clock, batch } = request;
    const sentence = `the gradient of clock ${clock} for shard ${shard} has NaN or infinite values`;
    const details = { shard, clock, ...(batch !== null && { batch }) };
    throw new ShoalError("not_finite", sentence, details, { cause: error });
  }
}

interface Awaited {
  readonly target: PullTarget;
  readonly index: number;
  readonly placement: ShardPlacement;
  readonly pulled: PartPull;
}

/** Follows a reply with values. @returns bytes that came */
function arrive(ports: CodedPorts, { target, index, placement, pulled }: Awaited, reply: PullReply): number {
  const into = target.into.subarray(placement.begin, placement.end);
  const bytesAfter = pulled.follow(reply, into);
  note(ports, { direction: "pull", encoding: reply.form ?? "whole", bytesBefore: into.byteLength, bytesAfter });
  target.arrived?.(index, reply.version);
  return bytesAfter;
}

function note({ traffic, metrics }: CodedPorts, moved: Moved): void {
  traffic.add(moved);
  metrics.moved(moved);
}

function whenComputed(computed: ComputedIn | Computing, tell: (computeMs: number) => void): void {
  const told = ({ startedAtMs, endedAtMs, waitedMs = 0 }: ComputedIn): void => tell(endedAtMs - startedAtMs - waitedMs);
  if ("done" in computed) computed.done.then(told, () => undefined);
  else told(computed);
}
