/** What the parameter service must know of the shards of this process; the shard host offers it. */
import type { ShardDirectory } from "@shoal/protocol";
import type { ShardAdmission } from "../shard/admission.ts";

/** Lengths in elements of float32. */
export interface ShardPayloads {
  /** Of a push in an encoding; undefined when the run has no such encoding. */
  readonly wordsOf: (encoding: string | undefined) => number | undefined;
  /** Of the longest push. */
  readonly maximumWords: number;
  /** Of an encoded difference; 0 where the run has none. */
  readonly differenceWords: number;
}

export interface HostedShards extends ShardDirectory {
  /** Keys of a shard; undefined when it is not hosted here. */
  sizeOf(run: string, shard: number): number | undefined;
  /** What the payloads of a shard take beside its values; undefined when it is not hosted here. */
  payloadsOf(run: string, shard: number): ShardPayloads | undefined;
  /** The shard's foresight into what it will do with a push; undefined when it is not hosted here. */
  admissionOf(run: string, shard: number): ShardAdmission | undefined;
}
