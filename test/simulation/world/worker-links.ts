/** What the workers of a simulated cluster reach shards by: the in-process link at the server's end, a wire before it. */
import type { LinkFactory, LinkIdentity, ParameterLink, PullRequest, PushRequest } from "@shoal/protocol";
import { createInProcessLinkFactory } from "@shoal/worker";
import type { SimulatedProcess } from "./simulated-process.ts";
import type { VectorCopy } from "./vector-pool.ts";
import { Wire } from "./wire.ts";
import type { World } from "./world.ts";

export function workerLinks(world: World, from: SimulatedProcess): LinkFactory {
  return { connect: (endpoint, identity) => connect(world, from, endpoint, identity) };
}

function connect(world: World, from: SimulatedProcess, endpoint: string, identity: LinkIdentity): ParameterLink {
  const { witness } = world;
  const wire = new Wire(world, from, endpoint);
  const ends = new Map<SimulatedProcess, ParameterLink>();
  const endOf = (to: SimulatedProcess): ParameterLink => {
    const known = ends.get(to);
    if (known !== undefined) return known;
    const { memory, kernels } = world.site;
    const directoryOf = (): ReturnType<World["directoryOf"]> => world.directoryOf(to);
    const factory = createInProcessLinkFactory({ directoryOf, memory, kernels, clock: to.clock });
    const end = factory.connect(endpoint, identity);
    ends.set(to, end);
    return end;
  };
  /** A vector of its own for each delivery: the sender may have given up, and used its own for something else. */
  const lend = async <R>(copy: VectorCopy, use: (view: Float32Array) => Promise<R>): Promise<R> => {
    const reply = await use(copy.view);
    // After a failure somebody at the other end may still have it: it is not used again in this run.
    copy.release();
    return reply;
  };
  const lendBoth = <R>(pull: PullRequest, use: (asked: PullRequest) => Promise<R>): Promise<R> =>
    lend(world.vectors.take(pull.into.length), (into) => {
      if (pull.difference === undefined) return use({ ...pull, into });
      return lend(world.vectors.take(pull.difference.length), (difference) => use({ ...pull, into, difference }));
    });
  const computedOf = ({ shard, batch, encoding }: PushRequest): Float32Array | undefined => {
    const range = encoding === undefined ? undefined : witness.eras.current?.ranges.get(shard);
    const whole = batch === null ? undefined : world.gradients?.of(from, batch);
    return range && whole?.slice(range.begin, range.end);
  };
  return {
    initialize(request, options) {
      const values = request.values.slice();
      witness.initialized(identity, request.shard, values);
      return wire.call({
        what: `initialize ${request.shard}`,
        options,
        repeatable: true,
        deliver: (to, deadlineMs) => endOf(to).initialize({ ...request, values }, { deadlineMs }),
      });
    },
    push(request, options) {
      const gradient = witness.pushed(identity, request, computedOf(request));
      const answer = wire.call({
        what: describePush(request),
        options,
        repeatable: true,
        deliver: (to, deadlineMs) =>
          lend(world.vectors.copy(gradient), async (view) => {
            const reply = await endOf(to).push({ ...request, gradient: view }, { deadlineMs });
            witness.answered(to, identity, request, reply);
            return reply;
          }),
      });
      return answer.then((reply) => {
        witness.heard(identity, request, reply);
        return reply;
      });
    },
    pull(request, options) {
      return wire
        .call({
          what: `pull ${request.shard} at ${request.clock}`,
          options,
          repeatable: false,
          deliver: (to, deadlineMs) =>
            lendBoth(request, async (asked) => {
              const reply = await endOf(to).pull(asked, { deadlineMs });
              if (reply.form === undefined) witness.pulled(to, identity, request.shard, reply.version, asked.into);
              return { reply, brought: broughtIn(asked) };
            }),
          receive: ({ reply, brought }) => takeValues(request, reply.form, brought),
        })
        .then(({ reply }) => reply);
    },
    pushPull(push, pull, options) {
      const gradient = witness.pushed(identity, push, computedOf(push));
      const both = wire.call({
        what: `${describePush(push)} and pull at ${pull.clock}`,
        options,
        repeatable: true,
        deliver: (to, deadlineMs) =>
          lend(world.vectors.copy(gradient), (view) =>
            lendBoth(pull, async (asked) => {
              const reply = await endOf(to).pushPull({ ...push, gradient: view }, asked, { deadlineMs });
              witness.answered(to, identity, push, reply.push);
              if (reply.pull.form === undefined) {
                witness.pulled(to, identity, pull.shard, reply.pull.version, asked.into);
              }
              return { reply, brought: broughtIn(asked) };
            }),
          ),
        receive: ({ reply, brought }) => takeValues(pull, reply.pull.form, brought),
      });
      return both.then(({ reply }) => {
        witness.heard(identity, push, reply.push);
        return reply;
      });
    },
    async close() {
      wire.close();
      await Promise.all([...ends.values()].map((end) => end.close()));
    },
  };
}

interface Brought {
  readonly values: Float32Array;
  readonly difference: Float32Array | undefined;
}

function broughtIn({ into, difference }: PullRequest): Brought {
  return { values: into.slice(), difference: difference?.slice() };
}

function takeValues(pull: PullRequest, form: string | undefined, { values, difference }: Brought): void {
  if (form === undefined) pull.into.set(values);
  if (form === "difference" && difference !== undefined) pull.difference?.set(difference);
}

function describePush({ shard, sequence, clock, batch }: PushRequest): string {
  return `push ${sequence} (clock ${clock}, batch ${String(batch)}) to shard ${shard}`;
}
