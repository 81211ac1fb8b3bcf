export { decideAdmission, type AdmissionDecision, type AdmissionLimits } from "./admission.ts";
export { createAggregate, type Aggregate } from "./aggregate.ts";
export { advanceRound, nextDeadline } from "./round/advance-round.ts";
export { resumeRound } from "./round/resume-round.ts";
export type { RefusalKind, RoundEffect, RoundEvent, RoundStep } from "./round/round-events.ts";
export { checkPlan, type Arrival, type RoundPlan } from "./round/round-plan.ts";
export {
  isEnded,
  type AbandonedState,
  type Carried,
  type CarriedOverState,
  type CommittedState,
  type CommittingState,
  type EndedState,
  type Member,
  type OpenState,
  type Report,
  type RoundState,
  type RunningState,
  type SelectingState,
} from "./round/round-state.ts";
export { startRound } from "./round/start-round.ts";
