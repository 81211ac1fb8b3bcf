/** Says no to a round, or that what was begun of it comes to nothing. */
import type { ClientRequest } from "@shoal/federated";
import type { PatientPlane } from "./patient-plane.ts";

/** Characters of a reason that are sent. */
const longestReason = 256;

export interface Refusal {
  readonly round: number;
  readonly reason: string;
  readonly lostControl?: true;
}

/** @returns milliseconds in which no round will be offered; 0: nothing was said of that @throws ShoalError cancelled */
export async function decline(plane: PatientPlane, refusal: Refusal, signal: AbortSignal): Promise<number> {
  const reason = refusal.reason.slice(0, longestReason);
  const answer: ClientRequest = { type: "answer_offer", ...refusal, reason, takesPart: false };
  const reply = await plane.ask(answer, signal);
  return reply.type === "offer_noted" ? (reply.comeBackAfterMs ?? 0) : 0;
}
