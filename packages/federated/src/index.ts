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
export {
  arrivalOf,
  greatestStaleness,
  goalOf,
  parseAggregationPolicy,
  type AggregationPolicy,
  type FedAsyncPolicy,
  type FedAvgPolicy,
  type FedBuffPolicy,
  type FedNovaPolicy,
  type QFedAvgPolicy,
  type ResolvedAggregationPolicy,
} from "./aggregation/aggregation-policy.ts";
export {
  createAggregator,
  type Aggregator,
  type FoldedContribution,
  type VectorChunk,
} from "./aggregation/aggregator.ts";
export { decideFold, type Contribution, type FoldDecision, type FoldFacts } from "./aggregation/decide-fold.ts";
export type { ExampleWeight, StalenessRule } from "./aggregation/staleness-rule.ts";
export { sourceOf, type ChunkSource } from "./aggregation/robust/chunk-source.ts";
export { combineRobustly, type RobustOptions, type RobustOutcome } from "./aggregation/robust/combine-robustly.ts";
export {
  clientsNeeded,
  parseRobustRule,
  type ResolvedRobustRule,
  type RobustRule,
} from "./aggregation/robust/robust-rule.ts";
export { localAccumulation, type LocalSteps } from "./client/local-accumulation.ts";
export {
  packShared,
  personalSpans,
  sharedKeys,
  unpackShared,
  type KeySpan,
  type SharedKeys,
} from "./client/personal-layers.ts";
export { addProximalTerm } from "./client/proximal.ts";
export { batchOf } from "./client/batch-of.ts";
export { codecBytes, trainingBytes } from "./client/training-bytes.ts";
export { trainerBytes, type CompiledModel } from "./client/trainer-bytes.ts";
export { joinVectors, vectorsTogether, vectorWithin } from "./contribution/vectors-together.ts";
export { correctGradient, moveControl, renewControl, replaceControl, type LocalPass } from "./client/scaffold.ts";
export { partitionByLabels, partitionByShards } from "./partition/by-label.ts";
export { partitionBySize, partitionEvenly, type SizeGrowth } from "./partition/by-size.ts";
export { partitionByDirichlet, type DirichletOptions } from "./partition/dirichlet.ts";
export type { DrawSource } from "./partition/draws.ts";
export type { Partition } from "./partition/partition.ts";
export { advanceRound, nextDeadline } from "./round/advance-round.ts";
export { decideBeginning, type BeginningDecision } from "./round/decide-beginning.ts";
export { resumeRound } from "./round/resume-round.ts";
export type { RefusalKind, RoundEffect, RoundEvent, RoundStep } from "./round/round-events.ts";
export { checkPlan, crowdOf, mostHeld, type Arrival, type RoundCrowd, type RoundPlan } from "./round/round-plan.ts";
export {
  isEnded,
  nothingCarried,
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
export {
  mostByCoins,
  planCentralPrivacy,
  type CentralPrivacy,
  type CentralRounds,
  type DrawByCoins,
} from "./privacy/plan-central.ts";
export {
  beginCounts,
  countContribution,
  mostContributions,
  mostCounted,
  type ContributionCounts,
} from "./privacy/contribution-counts.ts";
export { contributionOf, planLocalPrivacy, type LocalPrivacyPlan } from "./privacy/plan-local.ts";
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
export {
  parsePrivacy,
  type CentralPrivacySpec,
  type LocalPrivacySpec,
  type PrivacySpec,
  type ResolvedPrivacySpec,
} from "./privacy/privacy-spec.ts";
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
  missingChunks,
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
  bytesPresent,
  checkManifest,
  chunkCount,
  chunkRange,
  defaultChunkBytes,
  describeVector,
  isChunk,
  isSentAtOnce,
  mostChunkBytes,
  type VectorManifest,
  type WholeVector,
} from "./contribution/manifest.ts";
export {
  callWithinMs,
  comeBackAfterMs,
  decidePace,
  leastApartMs,
  type PaceFacts,
  type PaceWindow,
} from "./pace/decide-pace.ts";
export { decodeMessage, decodeReply, encodeMessage, mostMessageBytes } from "./plane/codec.ts";
export { clientNoticeSchema, clientReplySchema } from "./plane/reply-schemas.ts";
export { clientRequestSchema } from "./plane/request-schema.ts";
export { mostRoundsTold, type ClientNotice, type RoundSummary } from "./plane/notices.ts";
export { exactEncoding, type LastModel } from "./plane/notices.ts";
export type { AggregatorPlane, ClientPlane } from "./plane/plane.ts";
export type { ClientReply, ClientRequest, ClientTrace, Device } from "./plane/requests.ts";
export {
  isPrivate,
  planeProtocol,
  unsaid,
  type ClientPrivacy,
  type LocalTerms,
  type ControlOffer,
  type EncodingSpec,
  type LocalTraining,
  type PlainKeys,
  type RoundOffer,
  type TaskDescription,
} from "./plane/task-description.ts";
export { createInProcessPlane, type InProcessPlane, type InProcessPlaneOptions } from "./plane/in-process-plane.ts";
export {
  advanceSecureSum,
  nextSecureDeadline,
  startSecureSum,
  waitedFor as secureSumWaitsFor,
} from "./secure/advance-server.ts";
export { advanceClient, type ClientEffect, type ClientEvent, type ClientState } from "./secure/client-state.ts";
export { graphParameters, type GraphParameters, type ThreatModel } from "./secure/graph-parameters.ts";
export { createEcdsaIdentity, type Identity } from "./secure/identity.ts";
export { systemSubtle } from "./secure/host/system-subtle.ts";
export { hasCurve, isPublicKey, type Curve } from "./secure/key-agreement.ts";
export {
  createLatticeEncoder,
  decodeMean,
  latticeNoiseMultiplier,
  latticeNoiseVariance,
  planLattice,
  type Lattice,
  type LatticeEncoder,
  type LatticeSettings,
} from "./secure/lattice.ts";
export {
  maximumClients,
  type AdvertisedKeys,
  type RevealedShare,
  type Roster,
  type SealedShares,
  type SecureSettings,
  type UnmaskingAnswer,
  type UnmaskingRequest,
} from "./secure/messages.ts";
export { openSession, type SecureSession } from "./secure/roster.ts";
export { createSecureClient, type SecureClient, type SecureClientPorts } from "./secure/secure-client.ts";
export type {
  SecureSumPlan,
  LostSecret,
  ServerEffect,
  ServerEvent,
  ServerState,
  ServerStep,
  Unmasking,
} from "./secure/server-state.ts";
export { addMasked, createUnmasker, type Unmasker } from "./secure/unmasker.ts";
export { planSecureSum, type PlannedSecureSum, type SecureRounds } from "./secure/plan-secure-sum.ts";
export { maskedBytes, maskedEncoding, settingsOfSum, type SecureTask } from "./secure/secure-task.ts";
export { hexOf, sha256 } from "./contribution/sha256.ts";
export { decodeError, encodeError, errorHeader } from "./plane/reply-status.ts";
export {
  allSubject,
  checkName,
  clientOfSubject,
  downSubject,
  inboxPrefix,
  permissionsOf,
  upSubject,
  type ClientPermissions,
  type TaskAddress,
} from "./plane/subjects.ts";
export { canonicalJson, type JsonValue } from "./audit/canonical-json.ts";
export {
  appendRecord,
  chainStart,
  mostRecordBytes,
  verifyChain,
  type ChainDecision,
  type ChainedRecord,
  type ChainHead,
} from "./audit/record-chain.ts";
export {
  decodeSecureClientMessage,
  decodeSecureServerMessage,
  encodeSecureMessage,
  type SecureClientMessage,
  type SecureServerMessage,
} from "./secure/wire.ts";
export { createSecureExchange, type SecureExchange, type SecureReaction } from "./secure/secure-exchange.ts";
