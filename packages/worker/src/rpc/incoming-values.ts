/** The answer of one call on its way in: an outcome, and values that go straight where the caller wants them. */
import { ShoalError } from "@shoal/errors";
import { beginTransfer, continueTransfer, malformedFrame, type ResponseOutcome } from "@shoal/protocol";

export interface IncomingValues {
  /** The first frame. @returns the place of its payload. @throws ShoalError codec_failed, layout_mismatch */
  begin(outcome: ResponseOutcome, totalBytes: number, payloadBytes: number): Uint8Array | "discard";
  /** A further frame. @throws ShoalError codec_failed */
  next(offset: number, payloadBytes: number): Uint8Array | "discard";
  /** The outcome, once the last byte is in its place. */
  outcome(): ResponseOutcome | undefined;
}

/**
 * @param into - overwritten; undefined when the call asks for no values
 * @param difference - overwritten instead where the answer is a difference
 * @param what - phrase that names the call, for errors
 */
export function createIncomingValues(
  into: Uint8Array | undefined,
  difference: Uint8Array | undefined,
  what: string,
): IncomingValues {
  let target = into;
  let announced: ResponseOutcome | undefined;
  let total = 0;
  let received = 0;
  const place = (payloadBytes: number): Uint8Array | "discard" =>
    target === undefined ? "discard" : target.subarray(received - payloadBytes, received);
  return {
    begin(outcome, totalBytes, payloadBytes) {
      if (announced !== undefined) throw malformedFrame(`a second answer to the ${what}`);
      received = beginTransfer(totalBytes, payloadBytes);
      total = totalBytes;
      target = placeOf(outcome, into, difference);
      const expected = target?.length ?? 0;
      if (totalBytes !== expected) {
        throw new ShoalError(
          "layout_mismatch",
          `${what}: the server sends ${totalBytes} bytes of values where ${expected} were expected`,
          { expectedBytes: expected, bytes: totalBytes },
        );
      }
      announced = outcome;
      return place(payloadBytes);
    },
    next(offset, payloadBytes) {
      received = continueTransfer(received, total, offset, payloadBytes);
      return place(payloadBytes);
    },
    outcome: () => (received === total ? announced : undefined),
  };
}

/** Where the payload of an answer goes; undefined: it has none. */
function placeOf(
  outcome: ResponseOutcome,
  into: Uint8Array | undefined,
  difference: Uint8Array | undefined,
): Uint8Array | undefined {
  const form =
    outcome.type === "pull" ? outcome.reply.form : outcome.type === "push_pull" ? outcome.pull.form : undefined;
  if (outcome.type === "error" || form === "unchanged") return undefined;
  return form === "difference" ? difference : into;
}
