import { context, propagation, trace, type SpanContext } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createActorSystem } from "./actor-system.ts";
import { createInProcessBus } from "./bus/in-process-bus.ts";
import { nextTurn } from "./host/next-turn.ts";
import { createRandom } from "./random.ts";
import type { Ref } from "./ref.ts";
import { runSimulation } from "./simulation/run-simulation.ts";
import { createSimulatedClock } from "./simulation/simulated-clock.ts";
import { activeContext, injectTrace } from "./trace-context.ts";

const span: SpanContext = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331", traceFlags: 1 };

describe("trace context", () => {
  it("costs nothing where no telemetry is set up: there is no carrier", () => {
    expect(activeContext()).toBeUndefined();
    expect(injectTrace(activeContext())).toBeUndefined();
  });

  describe("with telemetry", () => {
    beforeAll(() => {
      context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
      propagation.setGlobalPropagator(new W3CTraceContextPropagator());
    });
    afterAll(() => {
      context.disable();
      propagation.disable();
    });

    for (const [where, strict] of [
      ["by reference", false],
      ["as bytes", true],
    ] as const) {
      it(`reaches the handler of another node ${where}, and its reply, but not its timers`, async () => {
        const clock = createSimulatedClock();
        const bus = createInProcessBus({ strict });
        const make = (node: string) => createActorSystem({ node, bus, clock, random: createRandom(node) });
        const [left, right] = [make("left"), make("right")];
        const seen: (string | undefined)[] = [];
        const look = (): void => {
          seen.push(trace.getSpanContext(context.active())?.spanId);
        };
        type Command = { readonly type: "go"; readonly replyTo: Ref<{ type: "back" }> } | { readonly type: "later" };
        const accepts = (body: unknown): Command => body as Command;
        const create =
          () =>
          (command: Command, { after }: { after: (ms: number, message: Command) => unknown }) => {
            look();
            if (command.type === "later") return;
            after(10, { type: "later" });
            command.replyTo.tell({ type: "back" });
          };
        right.spawn<Command>("worker", create, { accepts });
        const origin = left.spawn<{ type: "back" }>("origin", () => look, { accepts: () => ({ type: "back" }) });
        context.with(trace.setSpanContext(context.active(), span), () => {
          left.ref<Command>("right/worker").tell({ type: "go", replyTo: origin });
        });
        await nextTurn();
        expect(seen).toEqual([span.spanId, span.spanId]);
        await runSimulation(clock);
        expect(seen).toEqual([span.spanId, span.spanId, undefined]);
      });
    }
  });
});
