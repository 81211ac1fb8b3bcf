import { createRandom, createSimulatedClock, simulate } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import type { ClientPlane, ClientReply } from "@shoal/federated";
import { describe, expect, it } from "vitest";
import { createPatientPlane, type PatientPlane } from "./patient-plane.ts";

const timeoutMs = 20_000;
const request = { type: "leave", reason: "" } as const;

interface Scene {
  readonly connect: (isConnected: boolean) => void;
  readonly clock: ReturnType<typeof createSimulatedClock>;
  readonly plane: PatientPlane;
  readonly told: readonly boolean[];
  /** When requests left, clock time. */
  readonly askedAtMs: readonly number[];
}

type Answer = () => Promise<ClientReply>;

const silence: Answer = () => new Promise(() => undefined);

/** @param early - what becomes of requests before `fromMs` */
function scene(fromMs: number, early: Answer = silence): Scene {
  const clock = createSimulatedClock();
  const askedAtMs: number[] = [];
  let connect = (_isConnected: boolean): void => undefined;
  const plane: ClientPlane = {
    request() {
      askedAtMs.push(clock.now());
      return clock.now() < fromMs ? early() : Promise.resolve({ type: "noted" });
    },
    listen: () => () => undefined,
    watch(onChange) {
      connect = onChange;
      onChange(true);
      return () => undefined;
    },
    close: async () => undefined,
  };
  const told: boolean[] = [];
  const onConnected = (isConnected: boolean): void => void told.push(isConnected);
  const options = { plane, clock, random: createRandom(1), timeoutMs, mostWaitMs: 30_000, onConnected };
  return { clock, plane: createPatientPlane(options), askedAtMs, told, connect: (is) => connect(is) };
}

describe("what was asked of somebody who is gone", () => {
  it("is asked of the next aggregator when that has come, not when its deadline has passed", async () => {
    const { clock, plane, askedAtMs } = scene(1_000);
    clock.after(1_000, () => plane.askAgain());
    await expect(simulate(clock, plane.ask(request, new AbortController().signal))).resolves.toEqual({ type: "noted" });
    expect(askedAtMs).toHaveLength(2);
    expect(askedAtMs[1]).toBeGreaterThan(1_000); // not all clients at one moment
    expect(askedAtMs[1]).toBeLessThan(1_500);
  });

  it("goes again when the line is back, of which is told once, however long it was away", async () => {
    const awayMs = 3_600_000;
    const { clock, plane, connect, askedAtMs, told } = scene(awayMs);
    for (const [atMs, isConnected] of [
      [100, false],
      [200, false],
      [awayMs, true],
      [awayMs, true],
    ] as const) {
      clock.after(atMs, () => connect(isConnected));
    }
    await simulate(clock, plane.ask(request, new AbortController().signal));
    expect(askedAtMs.find((atMs) => atMs >= awayMs)).toBeLessThan(awayMs + 500);
    expect(told).toEqual([true, false, true]);
  });

  it("is asked often again when the line is back but nobody is there yet, however often it was in vain before", async () => {
    const [backMs, thereMs] = [3_600_000, 3_601_000];
    const { clock, plane, connect, askedAtMs } = scene(thereMs, () =>
      Promise.reject(new ShoalError("transport_lost", "nobody hears it")),
    );
    clock.after(100, () => connect(false));
    clock.after(backMs, () => connect(true));
    await simulate(clock, plane.ask(request, new AbortController().signal));
    // Waits that begin at 375 ms at most and double: four of them pass the second by 2 s at most.
    expect(askedAtMs.at(-1)).toBeGreaterThanOrEqual(thereMs);
    expect(askedAtMs.at(-1)).toBeLessThan(thereMs + 2_000);
    expect(askedAtMs.length).toBeLessThan(1_000); // at most 30 s between two, 15 s on average
  });

  it("keeps nobody from going on who does not want it any more", async () => {
    const { clock, plane } = scene(Infinity);
    const round = new AbortController();
    clock.after(100, () => round.abort());
    const asked = plane.ask(request, round.signal).catch(() => clock.now());
    await expect(simulate(clock, asked)).resolves.toBe(100);
  });
});
