/**
 * Sends frames of several requests (or responses) over one stream, one after the other, no faster than the peer reads.
 *
 * Boundary  Knows neither sockets nor headers: it is given a `write` that calls back when the bytes have left.
 * Bounds    At most `maximumUnflushedBytes` (4 MiB) and one frame are handed over and not yet flushed. The number of
 *           sources is bounded by who adds them (64 requests in flight).
 * Invariant Frames of one source leave in order and without frames of another source between them; only `insert`ed
 *           frames, which carry no payload, come between.
 */

/** One message: what `encodeFrame…` made, and the payload behind it, which is sent as it lies. */
export interface OutgoingFrame {
  readonly head: Uint8Array;
  /** Borrowed until the frame has been flushed. */
  readonly payload?: Uint8Array;
}

/** Gives the frames of one request or response when there is room for them. */
export interface FrameSource {
  /** The next frame; "flush": not before all earlier ones have left; undefined: that was all. */
  next(): OutgoingFrame | "flush" | undefined;
  /** Every frame has left. Called once, unless the pump is stopped before. */
  finished(): void;
}

export interface FramePump {
  /** Appends a source; it is first asked before `add` returns when the line is free. */
  add(source: FrameSource): void;
  /** Takes a source that has not begun out of the queue; false when it has begun or was never added. */
  remove(source: FrameSource): boolean;
  /** Sends a frame without payload ahead of what waits; calls back when it has left, unless stopped before. */
  insert(head: Uint8Array, flushed?: () => void): void;
  /** Forgets everything; nothing is called any more. */
  stop(): void;
}

export interface FramePumpOptions {
  /** Hands a frame over; `flushed` must be called once, later, in the order of the calls. */
  readonly write: (frame: OutgoingFrame, flushed: () => void) => void;
  readonly maximumUnflushedBytes?: number;
}

const defaultUnflushedBytes = 4 * 1024 * 1024;

interface Sending {
  readonly source: FrameSource;
  begun: boolean;
  ended: boolean;
  /** A flush mark stands before the next frame. */
  marked: boolean;
  unflushedFrames: number;
}

interface Line {
  readonly options: Required<FramePumpOptions>;
  readonly queue: Sending[];
  unflushedBytes: number;
  stopped: boolean;
  pumping: boolean;
}

export function createFramePump(options: FramePumpOptions): FramePump {
  const line: Line = {
    options: { maximumUnflushedBytes: defaultUnflushedBytes, ...options },
    queue: [],
    unflushedBytes: 0,
    stopped: false,
    pumping: false,
  };
  return {
    add(source) {
      line.queue.push({ source, begun: false, ended: false, marked: false, unflushedFrames: 0 });
      pump(line);
    },
    remove(source) {
      const index = line.queue.findIndex((sending) => sending.source === source && !sending.begun);
      if (index >= 0) line.queue.splice(index, 1);
      return index >= 0;
    },
    insert(head, flushed) {
      if (line.stopped) return;
      options.write({ head }, () => {
        if (!line.stopped) flushed?.();
      });
    },
    stop() {
      line.stopped = true;
      line.queue.length = 0;
    },
  };
}

function pump(line: Line): void {
  // A source that adds another while it is asked finds the loop running.
  if (line.pumping) return;
  line.pumping = true;
  try {
    while (!line.stopped && step(line));
  } finally {
    line.pumping = false;
  }
}

/** @returns false when nothing more can be sent now */
function step(line: Line): boolean {
  const [sending] = line.queue;
  if (sending === undefined || line.unflushedBytes >= line.options.maximumUnflushedBytes) return false;
  if (sending.marked && sending.unflushedFrames > 0) return false;
  const frame = sending.source.next();
  sending.marked = frame === "flush";
  if (frame === undefined) {
    sending.ended = true;
    line.queue.shift();
    if (sending.unflushedFrames === 0) sending.source.finished();
  } else if (frame !== "flush") {
    send(line, sending, frame);
  }
  return true;
}

function send(line: Line, sending: Sending, frame: OutgoingFrame): void {
  const bytes = frame.payload?.length ?? 0;
  sending.begun = true;
  sending.unflushedFrames++;
  line.unflushedBytes += bytes;
  line.options.write(frame, () => {
    if (line.stopped) return;
    line.unflushedBytes -= bytes;
    sending.unflushedFrames--;
    if (sending.ended && sending.unflushedFrames === 0) sending.source.finished();
    pump(line);
  });
}
