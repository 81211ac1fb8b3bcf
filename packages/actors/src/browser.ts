/** Everything of this package that runs in a browser: all but the NATS connection over TCP. */
export { isAddress, isNamePart, makeAddress, maximumNamePartLength, parseAddress, type Address } from "./address.ts";
export type { ActorContext, ActorOptions, Behavior, BehaviorFactory } from "./behavior.ts";
export type { Bus, BusPort, BusReceiver } from "./bus/bus.ts";
export type { Clock, Timer } from "./clock.ts";
export {
  maximumEnvelopeBytes,
  type Envelope,
  type ErrorEnvelope,
  type MessageEnvelope,
  type TraceCarrier,
} from "./envelope/envelope.ts";
export type { Random } from "./random.ts";
export type { AskOptions, Group, MemberOutcome, Message, Ref, TellFailure } from "./ref.ts";
export {
  maximumKeyLength,
  maximumValueBytes,
  type StateStore,
  type StoreChange,
  type StoreEntry,
  type StoreWatch,
} from "./store/state-store.ts";
export type { SupervisionDecision, SupervisionSettings, SupervisionStrategy } from "./supervision.ts";
export type { ActorFailure, ActorSystem, ActorSystemOptions, MailboxReport, SystemCounters, Wait } from "./system.ts";
