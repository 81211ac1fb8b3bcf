import { createSimulatedClock } from "@shoal/actors";
import { expect, test } from "vitest";
import { startKeepalive } from "./keepalive.ts";

function probe(answers: boolean) {
  const clock = createSimulatedClock();
  const events: string[] = [];
  const keepalive = startKeepalive({
    clock,
    times: { intervalMs: 100, timeoutMs: 30 },
    ping: (answered) => {
      events.push(`ping ${clock.now()}`);
      if (answers) clock.after(10, answered);
    },
    heard: () => 0,
    lost: () => events.push(`lost ${clock.now()}`),
  });
  return { clock, events, keepalive };
}

test("a peer that answers is asked again after the interval", () => {
  const { clock, events, keepalive } = probe(true);
  clock.advance(320);
  expect(events).toEqual(["ping 100", "ping 210", "ping 320"]);
  keepalive.stop();
  clock.advance(1000);
  expect(events).toHaveLength(3);
});

test("a process that was held up itself reads the answer before it takes the peer for lost", () => {
  let due: () => void = () => undefined;
  let answer: () => void = () => undefined;
  let isLost = false;
  const after = (_ms: number, act: () => void) => {
    due = act;
    return { cancel: () => undefined };
  };
  startKeepalive({
    clock: { ...createSimulatedClock(), after },
    times: { intervalMs: 100, timeoutMs: 50 },
    ping: (answered) => (answer = answered),
    heard: () => 0,
    lost: () => (isLost = true),
  });
  const askAndWait = (timers: number): void => {
    for (let fired = 0; fired <= timers; fired++) due();
  };
  // Its timer comes late, long after the time was over; the answer has waited behind it.
  askAndWait(1);
  answer();
  askAndWait(4);
  expect(isLost).toBe(false);
  answer();
  askAndWait(5);
  expect(isLost).toBe(true);
});

test("a peer of whom something comes lives, and is lost when nothing does any more", () => {
  const clock = createSimulatedClock();
  const lostAt: number[] = [];
  startKeepalive({
    clock,
    times: { intervalMs: 100, timeoutMs: 50 },
    ping: () => undefined,
    heard: () => Math.min(400, clock.now()),
    lost: () => lostAt.push(clock.now()),
  });
  clock.advance(2000);
  expect(lostAt).toEqual([450]);
});

test("a peer that does not answer in time is lost, once", () => {
  const { clock, events } = probe(false);
  clock.advance(1000);
  expect(events).toEqual(["ping 100", "lost 130"]);
});
