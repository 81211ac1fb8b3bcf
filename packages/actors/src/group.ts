/** Groups: one message to several actors, with an outcome for each. */
import { ShoalError } from "@shoal/errors";
import type { AskOptions, Group, MemberOutcome, Ref, TellFailure } from "./ref.ts";
import type { ActorSystem } from "./system.ts";

/**
 * Tells, and returns what went wrong instead of throwing it. For replies: a client whose mailbox is full is the
 * client's misfortune, not a failure of the actor that answers.
 */
export function tryTell<M>(target: Ref<M>, message: M): ShoalError | undefined {
  try {
    target.tell(message);
    return undefined;
  } catch (error) {
    return ShoalError.from(error);
  }
}

export function createGroup<M>(ask: ActorSystem["ask"], members: readonly Ref<M>[]): Group<M> {
  const askOne = async <R>(
    member: Ref<M>,
    make: (replyTo: Ref<R>) => M,
    options: AskOptions<R>,
  ): Promise<MemberOutcome<M, R>> => {
    try {
      return { kind: "replied", member, reply: await ask(member, make, options) };
    } catch (error) {
      return { kind: "failed", member, error: ShoalError.from(error) };
    }
  };
  return {
    members,
    tell(message) {
      const failures: TellFailure<M>[] = [];
      for (const member of members) {
        const error = tryTell(member, message);
        if (error !== undefined) failures.push({ member, error });
      }
      return failures;
    },
    askAll: (make, options) => Promise.all(members.map((member) => askOne(member, make, options))),
  };
}
