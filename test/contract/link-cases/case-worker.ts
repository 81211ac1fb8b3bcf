/** A worker's hand in the cases: whole vectors over all shards, one request a shard, sequences counted. */
import { isShoalError } from "@shoal/errors";
import {
  sizeOf,
  type KeyRange,
  type ParameterLink,
  type PullReply,
  type PushPullReply,
  type PushReply,
  type PushRequest,
} from "@shoal/protocol";
import type { CaseRun } from "./case-cluster.ts";

/** What a push says beside its gradient, which is that of the whole vector. */
export interface PushTerms extends Partial<Pick<PushRequest, "clock" | "baseVersion" | "batch" | "samples">> {
  readonly gradient: Float32Array;
}

export interface CaseWorker {
  initialize(values: Float32Array): Promise<void>;
  push(terms: PushTerms): Promise<readonly PushReply[]>;
  /** @returns the whole vector and each shard's version */
  pull(clock: number): Promise<{ readonly values: Float32Array; readonly replies: readonly PullReply[] }>;
  pushPull(
    terms: PushTerms,
    clock: number,
  ): Promise<{ readonly values: Float32Array; readonly replies: readonly PushPullReply[] }>;
}

const options = { deadlineMs: 10_000 };

/** Attempts before a request that fails is given up: with a fifth of all exchanges lost, 50 never happen. */
const maximumAttempts = 50;

export function createCaseWorker(
  run: CaseRun,
  number: number,
  wrap?: (link: ParameterLink) => ParameterLink,
): CaseWorker {
  const links = run.connect(number, wrap);
  let sequence = 0;
  const size = run.ranges.at(-1)?.end ?? 0;
  const onShards = <R>(call: (link: ParameterLink, shard: number, range: KeyRange) => Promise<R>): Promise<R[]> =>
    Promise.all(run.ranges.map((range, shard) => persist(() => call(links[shard] as ParameterLink, shard, range))));
  const part = (vector: Float32Array, { begin, end }: KeyRange): Float32Array => vector.subarray(begin, end);
  const request = (terms: PushTerms, numbered: number, shard: number, range: KeyRange): PushRequest => ({
    shard,
    sequence: numbered,
    clock: 0,
    baseVersion: 0,
    batch: null,
    samples: 1,
    ...terms,
    gradient: part(terms.gradient, range),
  });
  return {
    async initialize(values) {
      await onShards((link, shard, range) => link.initialize({ shard, values: part(values, range) }, options));
    },
    push(terms) {
      sequence += 1;
      const numbered = sequence;
      return onShards((link, shard, range) => link.push(request(terms, numbered, shard, range), options));
    },
    async pull(clock) {
      const values = new Float32Array(size);
      const replies = await onShards((link, shard, range) =>
        link.pull({ shard, clock, into: part(values, range) }, options),
      );
      return { values, replies };
    },
    async pushPull(terms, clock) {
      sequence += 1;
      const numbered = sequence;
      const values = new Float32Array(size);
      const replies = await onShards((link, shard, range) => {
        // A repeated exchange overwrites what an earlier attempt may have left.
        const into = new Float32Array(sizeOf(range));
        return link.pushPull(request(terms, numbered, shard, range), { shard, clock, into }, options).then((reply) => {
          values.set(into, range.begin);
          return reply;
        });
      });
      return { values, replies };
    },
  };
}

/** Repeats a call whose message or reply was lost, with the same sequence number. */
async function persist<R>(call: () => Promise<R>): Promise<R> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call();
    } catch (error) {
      if (attempt === maximumAttempts || !isShoalError(error, "deadline_exceeded")) throw error;
    }
  }
}
