/**
 * How a client is let in: it shows an invitation and the public half of a key of its own, and is given a pass that says
 * which subjects it may use, for some minutes. The other half of the key never leaves the device.
 */
import { ShoalError, isErrorCode, type ErrorCode } from "@shoal/errors";
import * as z from "zod/mini";

/** Where whoever serves clients (`shoal edge`) answers, below its origin. */
export const enrolmentPath = "/enrol";
/** Where its nats-server's WebSocket is, below its origin. */
export const natsPath = "/nats";

export interface EnrolmentRequest {
  /** null where nobody needs one. */
  readonly ticket: string | null;
  /** The task that the client is in; null: whichever runs now. */
  readonly task: string | null;
  /** The client's NATS user key: "U" and 55 more letters and digits. */
  readonly publicKey: string;
}

export interface Enrolment {
  readonly cluster: string;
  readonly task: string;
  /** The name under which the client is known. */
  readonly client: string;
  /** For nats-server: a signed list of the subjects that this key may use. */
  readonly pass: string;
  /** How long it is good for, from now; another one is asked for before. */
  readonly validMs: number;
}

const text = z.string().check(z.maxLength(8_192));

export const enrolmentRequestSchema: z.ZodMiniType<EnrolmentRequest> = z.strictObject({
  ticket: z.nullable(text),
  task: z.nullable(z.string().check(z.regex(/^[a-zA-Z0-9][a-zA-Z0-9_-]{0,62}$/))),
  publicKey: z.string().check(z.regex(/^U[A-Z2-7]{55}$/)),
});

export const enrolmentSchema: z.ZodMiniType<Enrolment> = z.object({
  ...{ cluster: text, task: text, client: text, pass: text },
  validMs: z.number().check(z.minimum(0)),
});

const refusalSchema = z.object({ code: z.string(), message: z.string() });

/**
 * Answers of an edge that has understood and will say the same again. Whatever else comes may be somebody else's word (a
 * proxy's page about its maintenance, a hotel's about its rules), or a failure that passes.
 */
export const finalRefusals: readonly ErrorCode[] = [
  "unauthenticated",
  "permission_denied",
  "invalid_argument",
  "update_needed",
];

const timeoutMs = 10_000;

/**
 * @param origin - of `shoal edge`, as in `https://edge.example`
 * @throws ShoalError transport_lost - nobody there; no_capacity - others of this address take part; unauthenticated, permission_denied, run_not_found - refused
 */
export async function enrol(origin: string, request: EnrolmentRequest): Promise<Enrolment> {
  const response = await post(new URL(enrolmentPath, origin), request);
  const body: unknown = await response.json().catch(() => null);
  if (!response.ok) throw refusalOf(response.status, body);
  const enrolment = enrolmentSchema.safeParse(body);
  if (enrolment.success) return enrolment.data;
  throw new ShoalError("codec_failed", `${origin} gave no pass: it may be another program than shoal edge`);
}

async function post(url: URL, request: EnrolmentRequest): Promise<Response> {
  try {
    return await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(request),
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch (cause) {
    throw new ShoalError("transport_lost", `${url.origin} does not answer`, { origin: url.origin }, { cause });
  }
}

function refusalOf(status: number, body: unknown): ShoalError {
  const refusal = refusalSchema.safeParse(body);
  if (!refusal.success || !isErrorCode(refusal.data.code)) {
    return new ShoalError("transport_lost", `asking to be let in was answered with HTTP status ${status}`);
  }
  const { code, message } = refusal.data;
  return new ShoalError(isErrorCode(code) ? code : "internal", message.replace(/^\[[a-z_]+\] /, ""));
}
