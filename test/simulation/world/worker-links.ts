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
  return {
    initialize(request, options) {
      const values = request.values.slice();
      witness.initialized(request.shard, values);
      return wire.call({
        what: `initialize ${request.shard}`,
        options,
        repeatable: true,
        deliver: (to, deadlineMs) => endOf(to).initialize({ ...request, values }, { deadlineMs }),
      });
    },
    push(request, options) {
      const gradient = witness.pushed(identity, request);
      return wire.call({
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
    },
    pull(request, options) {
      return wire
        .call({
          what: `pull ${request.shard} at ${request.clock}`,
          options,
          repeatable: false,
          deliver: (to, deadlineMs) =>
            lend(world.vectors.take(request.into.length), async (view) => {
              const reply = await endOf(to).pull({ ...request, into: view }, { deadlineMs });
              if (reply.form === undefined) witness.pulled(to, identity, request.shard, reply.version, view);
              return { reply, values: view.slice() };
            }),
          receive: ({ reply, values }) => takeValues(request, reply.form, values),
        })
        .then(({ reply }) => reply);
    },
    pushPull(push, pull, options) {
      const gradient = witness.pushed(identity, push);
      const both = wire.call({
        what: `${describePush(push)} and pull at ${pull.clock}`,
        options,
        repeatable: true,
        deliver: (to, deadlineMs) =>
          lend(world.vectors.copy(gradient), (view) =>
            lend(world.vectors.take(pull.into.length), async (into) => {
              const end = endOf(to);
              const asked = { ...push, gradient: view };
              const reply = await end.pushPull(asked, { ...pull, into }, { deadlineMs });
              witness.answered(to, identity, push, reply.push);
              if (reply.pull.form === undefined) witness.pulled(to, identity, pull.shard, reply.pull.version, into);
              return { reply, values: into.slice() };
            }),
          ),
        receive: ({ reply, values }) => takeValues(pull, reply.pull.form, values),
      });
      return both.then(({ reply }) => reply);
    },
    async close() {
      wire.close();
      await Promise.all([...ends.values()].map((end) => end.close()));
    },
  };
}

function takeValues({ into }: PullRequest, form: string | undefined, values: Float32Array): void {
  if (form === undefined) into.set(values);
}

function describePush({ shard, sequence, clock, batch }: PushRequest): string {
  return `push ${sequence} (clock ${clock}, batch ${String(batch)}) to shard ${shard}`;
}
