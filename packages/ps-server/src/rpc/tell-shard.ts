/** Hands requests to a shard actor, in the trace of the sender's span, and hears its reply. */
import { context, propagation, ROOT_CONTEXT } from "@opentelemetry/api";
import type { Ref, TraceCarrier } from "@shoal/actors";
import { ShoalError, type SerializedError } from "@shoal/errors";
import type {
  InitializeReply,
  InstallReply,
  InstallRequest,
  LinkIdentity,
  LogEntry,
  PullReply,
  PushHeader,
  PushReply,
  PushRequest,
  Refusal,
  ReplicateReply,
} from "@shoal/protocol";
import type { PullCommand } from "../shard/requests.ts";
import type { ShardDesk } from "./shard-desk.ts";

/** What came back: the shard's reply, or why there is none. */
export type Heard<R> =
  { readonly kind: "reply"; readonly reply: R } | { readonly kind: "error"; readonly error: SerializedError };

interface Telling<R> {
  readonly desk: ShardDesk;
  readonly trace: TraceCarrier | undefined;
  readonly heard: (heard: Heard<R>) => void;
}

interface Asking<R> extends Telling<R> {
  readonly sender: LinkIdentity;
  /** Of what is left of the worker's deadline. */
  readonly deadlineMs: number;
}

const emptyGradient = new Float32Array(0);
const replyAddress = "parameter-rpc/reply";

/** @param values float32 of the shard's size, borrowed until the reply */
export function tellInitialize(asking: Asking<InitializeReply>, values: Float32Array): void {
  tell(asking, (replyTo) => asking.desk.ref.tell({ type: "initialize", values, replyTo }));
}

/** A gradient in kernel memory that is lent to a shard. */
export interface GradientLoan {
  readonly gradient: Float32Array;
  /** Ends the loan; further calls have no effect. */
  readonly release: () => void;
}

/**
 * @returns takes the gradient back from a shard that has not yet looked at the push: should it still come to it, it
 *   finds an empty gradient. A shard that has looked gives it back itself, at the latest just before its reply.
 */
export function tellPush(asking: Asking<PushReply>, header: PushHeader, loan: GradientLoan): () => void {
  const { desk, sender, deadlineMs, heard } = asking;
  const { release } = loan;
  let taken = false;
  let push: PushRequest = { ...header, gradient: loan.gradient };
  const releasing: Asking<PushReply> = {
    ...asking,
    heard(answer) {
      release();
      heard(answer);
    },
  };
  tell(releasing, (replyTo) =>
    desk.ref.tell({
      type: "push",
      sender,
      get push() {
        taken = true;
        return push;
      },
      deadlineMs,
      release,
      replyTo,
    }),
  );
  return () => {
    if (taken) return;
    push = { ...header, gradient: emptyGradient };
    release();
  };
}

/**
 * @param receive called in the shard's own turn with its values, borrowed for the call; not where they are unchanged
 * @param hasRoom see `PullCommand`
 */
export function tellPull(
  asking: Asking<PullReply>,
  { clock, have, former }: Pick<PullCommand, "clock" | "have" | "former">,
  receive: PullCommand["receive"],
  hasRoom: PullCommand["hasRoom"],
): void {
  const { desk, sender, deadlineMs } = asking;
  tell(asking, (replyTo) =>
    desk.ref.tell({ type: "pull", sender, clock, deadlineMs, have, former, receive, hasRoom, replyTo }),
  );
}

/**
 * @param release called once the entry's vector is not borrowed any more
 * @returns takes the vector back from a shard that has not looked at the entry: should it still come to it, it finds one
 *   under the term 0, which is older than any seat's and changes nothing
 */
export function tellReplicate(telling: Telling<ReplicateReply>, entry: LogEntry, release: () => void): () => void {
  let taken = false;
  let lent = entry;
  const { desk } = telling;
  tell(telling, (replyTo) =>
    desk.ref.tell({
      type: "replicate",
      get entry() {
        taken = true;
        return lent;
      },
      replyTo,
    }),
  );
  return () => {
    if (taken) return;
    lent = { ...entry, term: 0, vector: emptyGradient };
    release();
  };
}

/** The same of a part of a state, whose bytes are nobody else's: they need not be taken back. */
export function tellInstall(telling: Telling<InstallReply>, part: InstallRequest, release: () => void): () => void {
  tell(telling, (replyTo) => telling.desk.ref.tell({ type: "install", part, replyTo }));
  return release;
}

function tell<R extends { readonly type: string }>(
  { trace, heard }: Telling<R>,
  say: (replyTo: Ref<R | Refusal>) => void,
): void {
  const replyTo: Ref<R | Refusal> = {
    address: replyAddress,
    tell: (answer) =>
      heard(isRefusal(answer) ? { kind: "error", error: answer.error } : { kind: "reply", reply: answer }),
  };
  const parent = trace === undefined ? ROOT_CONTEXT : propagation.extract(ROOT_CONTEXT, trace);
  try {
    context.with(parent, say, undefined, replyTo);
  } catch (error) {
    heard({ kind: "error", error: ShoalError.from(error).toJSON() });
  }
}

function isRefusal<R extends { readonly type: string }>(answer: R | Refusal): answer is Refusal {
  return answer.type === "refused";
}
