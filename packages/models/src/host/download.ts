/** Downloads one file into memory: bounded in time and size. */
import { ShoalError } from "@shoal/errors";

export interface DownloadLimits {
  /** Until the answer begins; short, so that a machine without network is not kept waiting. */
  readonly responseTimeoutMs: number;
  /** Until the file is complete. */
  readonly totalTimeoutMs: number;
  readonly bytes: number;
}

export const defaultResponseTimeoutMs = 5_000;
export const defaultTotalTimeoutMs = 120_000;

/** @throws ShoalError transport_lost, deadline_exceeded, payload_too_large */
export async function download(url: string, limits: DownloadLimits, get: typeof fetch): Promise<Uint8Array> {
  const controller = new AbortController();
  const host = new URL(url).host;
  const giveUpAfter = (ms: number): NodeJS.Timeout =>
    setTimeout(() => {
      const sentence = `${host} did not deliver within ${ms / 1000} s`;
      controller.abort(new ShoalError("deadline_exceeded", sentence, { waitedForMs: ms, host }));
    }, ms);
  const total = giveUpAfter(limits.totalTimeoutMs);
  const response = giveUpAfter(limits.responseTimeoutMs);
  try {
    const answer = await get(url, { signal: controller.signal });
    clearTimeout(response);
    if (!answer.ok || answer.body === null) {
      throw new ShoalError("transport_lost", `${url} answered with status ${answer.status}`, { status: answer.status });
    }
    return await collect(answer.body, limits.bytes, url);
  } catch (error) {
    if (controller.signal.aborted) throw ShoalError.from(controller.signal.reason);
    throw asTransportError(host, error);
  } finally {
    clearTimeout(response);
    clearTimeout(total);
    controller.abort();
  }
}

async function collect(body: ReadableStream<Uint8Array>, limit: number, url: string): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of body) {
    length += piece.length;
    if (length > limit) throw new ShoalError("payload_too_large", `${url} is larger than ${limit} bytes`, { limit });
    pieces.push(piece);
  }
  return Buffer.concat(pieces, length);
}

function asTransportError(host: string, error: unknown): ShoalError {
  const known = ShoalError.from(error);
  if (known.code !== "internal") return known;
  return new ShoalError("transport_lost", `${host} cannot be reached (${reasonOf(error)})`, { host }, { cause: error });
}

/** fetch says "fetch failed" and hides the reason, such as ENOTFOUND, in the cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (!(cause instanceof Error)) return String(cause);
  return "code" in cause ? String(cause.code) : cause.message || cause.name;
}
