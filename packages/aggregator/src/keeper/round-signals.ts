/** Joins what the keeper tells with the one call that waits for it. */
import type { ShoalError } from "@shoal/errors";
import type { Report, RoundStep } from "@shoal/federated";

export type RoundEnd =
  | { readonly kind: "commit"; readonly reports: readonly Report[] }
  | { readonly kind: "ended"; readonly step: RoundStep };

export interface RoundSignals {
  commit(reports: readonly Report[]): void;
  stepped(step: RoundStep): void;
  fail(error: ShoalError): void;
  /** What was told of rounds before is over. */
  forget(): void;
  /** Something has changed that may be waited for. */
  look(): void;
  /** Settles when that is so; it is asked for again whenever something has changed. @throws ShoalError */
  until(isSo: () => boolean): Promise<void>;
  /** Settles when the open round may be committed, or has ended without. @throws ShoalError */
  next(): Promise<RoundEnd>;
}

export function createRoundSignals(): RoundSignals {
  let ready: RoundEnd | undefined;
  let failure: ShoalError | undefined;
  let wake: (() => void) | undefined;
  const signal = (end: RoundEnd | undefined): void => {
    ready = end;
    wake?.();
  };
  const change = (): Promise<void> => new Promise((resolve) => (wake = resolve));
  return {
    commit: (reports) => signal({ kind: "commit", reports }),
    stepped(step) {
      if (step.state.phase === "abandoned" || step.state.phase === "carried_over") signal({ kind: "ended", step });
      // Contributions were lost after all: what was to be committed is not any more.
      else if (step.state.phase !== "committing" && ready?.kind === "commit") ready = undefined;
    },
    fail(error) {
      failure ??= error;
      wake?.();
    },
    forget() {
      ready = undefined;
    },
    look: () => wake?.(),
    async until(isSo) {
      while (failure === undefined && !isSo()) await change();
      if (failure !== undefined) throw failure;
    },
    async next() {
      while (ready === undefined && failure === undefined) await change();
      if (failure !== undefined) throw failure;
      const end = ready;
      ready = undefined;
      return end ?? Promise.reject(new Error("a round was signalled without its end"));
    },
  };
}
