/** What the parameter service must know of the shards of this process; the shard host offers it. */
import type { ShardDirectory } from "@shoal/protocol";
import type { ShardAdmission } from "../shard/admission.ts";

export interface HostedShards extends ShardDirectory {
  /** Keys of a shard; undefined when it is not hosted here. */
  sizeOf(run: string, shard: number): number | undefined;
  /** The shard's foresight into what it will do with a push; undefined when it is not hosted here. */
  admissionOf(run: string, shard: number): ShardAdmission | undefined;
}
