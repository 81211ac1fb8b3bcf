export { decideAdmission, type AdmissionDecision, type AdmissionLimits } from "./admission.ts";
export { createAggregate, type Aggregate } from "./aggregate.ts";
export { advanceRound, nextDeadline, startRound } from "./round.ts";
export type {
  AbandonedState,
  CommittedState,
  ReportingState,
  RoundEffect,
  RoundEvent,
  RoundPlan,
  RoundState,
  RoundStep,
  SelectingState,
} from "./round-state.ts";
