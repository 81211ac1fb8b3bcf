/** What a worker does when it is told to take part in a run. */
import type { ErrorCode } from "@shoal/errors";

/** How far a run has come on this worker. */
export type RunPhase = "preparing" | "training" | "finishing" | "finished" | "failed";

export interface StartFacts {
  readonly run: string;
  /** Another attempt is another run. */
  readonly attempt: number;
  /** Incarnation of this node's membership; undefined before it has joined. */
  readonly incarnation: number | undefined;
  /** The run that this worker holds. */
  readonly held:
    | { readonly run: string; readonly attempt: number; readonly incarnation: number; readonly phase: RunPhase }
    | undefined;
  /** The attempt was stopped here in this incarnation: its sequence numbers must not begin again. */
  readonly isOver: boolean;
}

export type StartDecision =
  | { readonly kind: "begin"; readonly reason: string }
  /** End what is held, then begin. */
  | { readonly kind: "replace"; readonly reason: string }
  /** The answer follows when the run is prepared. */
  | { readonly kind: "wait"; readonly reason: string }
  | { readonly kind: "confirm"; readonly reason: string }
  /** Keep the command until the node knows who it is. */
  | { readonly kind: "defer"; readonly reason: string }
  /** Answer with the error that the run failed with. */
  | { readonly kind: "repeat_failure"; readonly reason: string }
  | { readonly kind: "refuse"; readonly code: ErrorCode; readonly reason: string };

export function decideStart({ run, attempt, incarnation, held, isOver }: StartFacts): StartDecision {
  if (incarnation === undefined) return { kind: "defer", reason: "the coordinator's welcome is still on its way" };
  if (isOver) return { kind: "refuse", code: "cancelled", reason: `run ${run} was stopped here` };
  if (held === undefined) return { kind: "begin", reason: "nothing else to do" };
  if (held.run === run && held.attempt < attempt) return { kind: "replace", reason: `begins attempt ${attempt}` };
  if (held.run === run && held.incarnation === incarnation) return repeated(held.phase);
  if (held.run === run) return { kind: "replace", reason: `joined again, as incarnation ${incarnation}` };
  if (held.phase === "failed") return { kind: "replace", reason: `run ${held.run} has failed` };
  return { kind: "refuse", code: "no_capacity", reason: `busy with run ${held.run} (${held.phase})` };
}

function repeated(phase: RunPhase): StartDecision {
  switch (phase) {
    case "preparing":
      return { kind: "wait", reason: "still preparing" };
    case "failed":
      return { kind: "repeat_failure", reason: "it has failed here" };
    case "training":
    case "finishing":
    case "finished":
      return { kind: "confirm", reason: `already ${phase}` };
  }
}
