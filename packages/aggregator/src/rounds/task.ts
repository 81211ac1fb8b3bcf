/** What playing the rounds of a task needs. */
import type { AggregatorOptions } from "../aggregator.ts";
import type { RoundSignals } from "../keeper/round-signals.ts";
import type { RoundLog } from "../records/round-log.ts";
import type { RoundNews } from "./round-news.ts";
import type { Room } from "../serve/room.ts";

export interface Task {
  readonly options: AggregatorOptions;
  readonly room: Room;
  readonly signals: RoundSignals;
  readonly log: RoundLog;
  readonly news: RoundNews;
  /** The newest round that has been told. */
  told: number;
  /** When the contributions of the open round were put together, clock time. */
  combinedAtMs: number;
  /** The newest record of the aggregator before this one was handed out again. */
  isRepeated: boolean;
  /** Settles when everybody has heard of the rounds so far. */
  telling: Promise<void>;
}
