/** How far a payload that comes in several frames has come. */
import { malformedFrame } from "./header-collector.ts";

/**
 * Checks that a further frame carries on where the last one ended.
 *
 * @param received - bytes so far; @param total - bytes announced; @param offset - where the frame says it belongs
 * @returns bytes received with this frame
 * @throws ShoalError codec_failed - a gap, an overlap, an empty frame or more than was announced
 */
export function continueTransfer(received: number, total: number, offset: number, payloadBytes: number): number {
  if (offset !== received) throw malformedFrame(`a frame for byte ${offset} came where byte ${received} was due`);
  if (payloadBytes === 0) throw malformedFrame("a further frame has no payload");
  return checkTotal(received + payloadBytes, total);
}

/** The same for a first frame, which may be empty. @throws ShoalError codec_failed */
export function beginTransfer(total: number, payloadBytes: number): number {
  if (total > 0 && payloadBytes === 0)
    throw malformedFrame(`a first frame has none of the ${total} bytes it announces`);
  return checkTotal(payloadBytes, total);
}

function checkTotal(received: number, total: number): number {
  if (received > total) throw malformedFrame(`${received} bytes of payload came where ${total} were announced`);
  return received;
}
