/** A client's own spans of its part of a round: one stage after the other, told with its contribution. */
import type { ClientTrace, RoundOffer } from "@shoal/federated";

export interface ClientStage {
  readonly name: string;
  /** On the client's clock; it began when the one before it ended. */
  readonly endMs: number;
  /** Where something is promised of clients' privacy: nothing that follows from its data. */
  readonly attributes?: Readonly<Record<string, string | number>>;
}

/** @param beganMs - when the offer was heard, on the client's clock @returns null where the round is not traced */
export function traceOf(
  { traceparent }: RoundOffer,
  beganMs: number,
  stages: readonly ClientStage[],
): ClientTrace | null {
  if (traceparent === null) return null;
  let beginMs = 0;
  const spans: ClientTrace["spans"][number][] = [];
  for (const { name, endMs, attributes = {} } of stages) {
    spans.push({ name, beginMs, endMs: endMs - beganMs, attributes });
    beginMs = endMs - beganMs;
  }
  return { traceparent, spans };
}
