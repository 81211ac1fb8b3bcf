/** Everything of this package that runs in a browser: all but the NATS connection over TCP. */
export { isRef } from "./actor-ref.ts";
export { createActorSystem, systemStopLimitMs } from "./actor-system.ts";
export { isAddress, isNamePart, makeAddress, maximumNamePartLength, parseAddress, type Address } from "./address.ts";
export { maximumPendingAsks } from "./asks.ts";
export type { ActorContext, ActorOptions, Behavior, BehaviorFactory } from "./behavior.ts";
export type { Bus, BusPort, BusReceiver } from "./bus/bus.ts";
export { createInProcessBus, type InProcessBusOptions } from "./bus/in-process-bus.ts";
export { createNatsBus, natsReadyLimitMs, type NatsBusOptions } from "./bus/nats-bus.ts";
export type { Clock, Timer } from "./clock.ts";
export { decodeEnvelope, encodeEnvelope } from "./envelope/envelope-codec.ts";
export {
  maximumEnvelopeBytes,
  type Envelope,
  type ErrorEnvelope,
  type MessageEnvelope,
  type TraceCarrier,
} from "./envelope/envelope.ts";
export {
  decodePlainData,
  encodePlainData,
  refExtensionType,
  type PlainDataLimits,
  type RefPolicy,
} from "./envelope/plain-data.ts";
export { tryTell } from "./group.ts";
export { systemClock } from "./host/system-clock.ts";
export { nextTurn } from "./host/next-turn.ts";
export { createSystemRandom } from "./host/system-random.ts";
export { controlReserve } from "./mailbox.ts";
export { createRandom, type Random } from "./random.ts";
export type { AskOptions, Group, MemberOutcome, Message, Ref, TellFailure } from "./ref.ts";
export { defaultNetworkSettings, type NetworkSettings } from "./simulation/link-decision.ts";
export { runSimulation, simulate, type SimulationEnd, type SimulationLimits } from "./simulation/run-simulation.ts";
export { createSimulatedClock, type SimulatedClock } from "./simulation/simulated-clock.ts";
export {
  createSimulatedNetwork,
  type NetworkEvent,
  type SimulatedNetwork,
  type SimulatedNetworkOptions,
} from "./simulation/simulated-network.ts";
export { createMemoryStore, defaultMaximumKeys, type MemoryStoreOptions } from "./store/memory-store.ts";
export { createNatsKvStore, type NatsKvStoreOptions } from "./store/nats-kv-store.ts";
export {
  maximumKeyLength,
  maximumValueBytes,
  type StateStore,
  type StoreChange,
  type StoreEntry,
  type StoreWatch,
} from "./store/state-store.ts";
export {
  decideSupervision,
  defaultSupervision,
  type SupervisionDecision,
  type SupervisionSettings,
  type SupervisionState,
  type SupervisionStrategy,
} from "./supervision.ts";
export type { ActorFailure, ActorSystem, ActorSystemOptions, MailboxReport, SystemCounters, Wait } from "./system.ts";
