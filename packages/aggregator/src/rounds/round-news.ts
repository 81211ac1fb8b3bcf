/**
 * Tells all clients how rounds ended. A message to all costs every idle client something, so rounds that end soon after one
 * another are told together: the first at once, the others after a pause.
 *
 * Bounds  one message in `pauseMs`, and `mostRoundsTold` rounds in it; one more is told before its time.
 */
import type { Clock, Timer } from "@shoal/actors";
import { mostRoundsTold, type AggregatorPlane, type RoundSummary } from "@shoal/federated";

export interface RoundNews {
  tell(summary: RoundSummary): void;
  /** Tells at once what still waits. */
  flush(): void;
}

/** Rounds of people's devices take longer: each of theirs is told as it ends. */
const pauseMs = 1_000;

export function createRoundNews(clock: Clock, plane: Pick<AggregatorPlane, "tellAll">): RoundNews {
  let waiting: RoundSummary[] = [];
  let toldAtMs = -Infinity;
  let timer: Timer | undefined;
  const flush = (): void => {
    timer?.cancel();
    timer = undefined;
    if (waiting.length === 0) return;
    const summaries = waiting;
    waiting = [];
    toldAtMs = clock.now();
    plane.tellAll({ type: "rounds_closed", summaries });
  };
  return {
    tell(summary) {
      waiting.push(summary);
      const waitMs = toldAtMs + pauseMs - clock.now();
      if (waitMs <= 0 || waiting.length >= mostRoundsTold) flush();
      else timer ??= clock.after(waitMs, flush);
    },
    flush,
  };
}
