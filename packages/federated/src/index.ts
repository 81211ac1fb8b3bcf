export { decideAdmission, type AdmissionDecision, type AdmissionLimits } from "./admission/decide-admission.ts";
export { decideOffer, type OfferDecision, type OfferFacts } from "./admission/decide-offer.ts";
export {
  defaultStandingRules,
  goodStanding,
  holdAgainst,
  isForgiven,
  isTrusted,
  type Standing,
  type StandingRules,
} from "./admission/standing.ts";
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
export {
  defaultAdaptiveClipping,
  defaultCountDeviation,
  defaultInitialClip,
  nextClip,
  noiseBesideCount,
  type AdaptiveClipping,
} from "./privacy/adaptive-clipping.ts";
export { emptyLedger, epsilonOf, spend, type EpsilonAt, type PrivacyLedger } from "./privacy/accountant.ts";
export { gaussianDelta, gaussianNoiseFor } from "./privacy/analytic-gaussian.ts";
export { noiseForBudget } from "./privacy/calibration.ts";
export { addScaled, clipScale, squaredNormOf } from "./privacy/clipping.ts";
export { createDiscreteGaussian } from "./privacy/discrete-gaussian.ts";
export { addGaussian, standardGaussian } from "./privacy/gaussian.ts";
export { systemRandomBytes } from "./privacy/host/system-random-bytes.ts";
export { localDeviation, makePrivate, type LocalPrivacy } from "./privacy/local-privacy.ts";
export {
  assumptionOf,
  decideBudget,
  type BudgetDecision,
  type PrivacyBudget,
  type PrivacySpending,
} from "./privacy/privacy-budget.ts";
export { createPrivateRound, type PrivateRound, type PrivateRoundPlan } from "./privacy/private-round.ts";
export { createRandomBits, type RandomBits, type RandomBytes } from "./privacy/random-bits.ts";
export {
  defaultOrders,
  renyiDivergences,
  type ClientSampling,
  type RoundMechanism,
} from "./privacy/renyi-divergence.ts";
export { treeNoiseVariance } from "./privacy/tree-noise.ts";
export {
  chunksPresent,
  emptyChunkSet,
  hasChunk,
  isComplete,
  readChunkSet,
  withChunk,
  type ChunkSet,
} from "./contribution/chunk-set.ts";
export {
  contributionId,
  type ContributionAnswer,
  type ContributionOffer,
  type RejectionCause,
} from "./contribution/contribution.ts";
export {
  beginUpload,
  createIntake,
  endUpload,
  expireUploads,
  receiveChunk,
  type Intake,
  type IntakeDecision,
  type IntakeLimits,
  type Upload,
} from "./contribution/intake.ts";
export {
  checkManifest,
  chunkCount,
  chunkRange,
  defaultChunkBytes,
  describeVector,
  isChunk,
  mostChunkBytes,
  type VectorManifest,
} from "./contribution/manifest.ts";
export {
  isTransferred,
  nextChunks,
  nextRetry,
  restartTransfer,
  settleChunk,
  startTransfer,
  type ChunkUnderWay,
  type Transfer,
  type TransferPlan,
  type TransferStep,
} from "./contribution/transfer.ts";
export { comeBackAfterMs, decidePace, type PaceFacts, type PaceWindow } from "./pace/decide-pace.ts";
export { countArrival, estimatePopulation, startEstimate, type PopulationEstimate } from "./pace/population.ts";
