/** A small actor for the contract suites: counts, answers, fails and blocks on request. */
import type { Behavior, BehaviorFactory, Ref } from "@shoal/actors";
import { isRef } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";

export type CounterCommand =
  | { readonly type: "add"; readonly amount: number }
  | { readonly type: "read"; readonly replyTo: Ref<CounterReply> }
  | { readonly type: "echo"; readonly body: unknown; readonly replyTo: Ref<unknown> }
  | { readonly type: "forward"; readonly to: { readonly target: Ref<CounterCommand> }; readonly amount: number }
  | { readonly type: "ignore"; readonly replyTo: Ref<CounterReply> }
  | { readonly type: "block" }
  | { readonly type: "urgent"; readonly amount: number }
  | { readonly type: "fail"; readonly replyTo?: Ref<CounterReply> };

export interface CounterReply {
  readonly type: "count";
  readonly total: number;
  readonly seen: readonly number[];
}

const tags = new Set(["add", "read", "echo", "forward", "ignore", "block", "urgent", "fail"]);

/** Checks only what the suites send wrongly on purpose. */
export function acceptCounterCommand(body: unknown): CounterCommand {
  const { type, replyTo } = (body ?? {}) as { type?: unknown; replyTo?: unknown };
  if (typeof type !== "string" || !tags.has(type)) throw new ShoalError("codec_failed", "no counter command");
  if (replyTo !== undefined && !isRef(replyTo)) throw new ShoalError("codec_failed", `"replyTo" is not a reference`);
  return body as CounterCommand;
}

export interface Gate {
  readonly opened: Promise<void>;
  readonly open: () => void;
}

export function createGate(): Gate {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}

/** @param gate - what "block" waits for */
export function counter(gate?: Gate): BehaviorFactory<CounterCommand> {
  return () => {
    let total = 0;
    const seen: number[] = [];
    const count = (amount: number): void => {
      total += amount;
      seen.push(amount);
    };
    const behavior: Behavior<CounterCommand> = (command) => {
      switch (command.type) {
        case "add":
        case "urgent":
          count(command.amount);
          return;
        case "read":
          command.replyTo.tell({ type: "count", total, seen });
          return;
        case "echo":
          command.replyTo.tell(command.body);
          return;
        case "forward":
          command.to.target.tell({ type: "add", amount: command.amount });
          return;
        case "ignore":
          return;
        case "block":
          return gate?.opened;
        case "fail":
          throw new Error("asked to fail");
      }
    };
    return behavior;
  };
}
