/** What mixed precision does around a stage: rounds its weights, stores what it computed, restores what it reads again. */
import type { Offset } from "@shoal/kernels-wasm";
import type { Segment } from "../spec/parameter-layout.ts";
import type { RoundedParameters } from "./half-buffers.ts";
import type { PlanBuffers } from "./lay-out.ts";
import type { PlannedStage } from "./plan-stages.ts";
import { roundedRoles, type HalfCodec } from "./precision.ts";
import { wordBytes } from "./value-buffers.ts";

export interface HalfMoves {
  /** @returns the offset of a parameter vector in which this stage finds its parameters rounded */
  round(parameters: Offset): Offset;
  /**
   * Stores what waits for the backward pass, and gives the forward pass the rounded values as well: both passes compute
   * with the same numbers.
   */
  store(rows: number): void;
  /** Restores what this stage is the first to read again. */
  restore(rows: number): void;
}

interface Move {
  readonly full: Offset;
  readonly half: Offset;
  /** Elements of a sample. */
  readonly width: number;
}

export interface HalfSources {
  readonly stages: readonly PlannedStage[];
  readonly buffers: PlanBuffers;
  readonly batchSize: number;
  readonly codec: HalfCodec;
  /** Absolute offset of a buffer. */
  readonly at: (buffer: number) => Offset;
}

/** One for each stage. */
export function halfMoves({ stages, buffers, batchSize, codec, at }: HalfSources): readonly HalfMoves[] {
  const { halves, rounded } = buffers;
  const moves = halves.map(({ full, half, count, encodedAfter, decodedBefore }) => {
    return { move: { full: at(full), half: at(half), width: count / batchSize }, encodedAfter, decodedBefore };
  });
  return stages.map((_, index): HalfMoves => {
    const stored = moves.filter(({ encodedAfter }) => encodedAfter === index).map(({ move }) => move);
    const restored = moves.filter(({ decodedBefore }) => decodedBefore === index).map(({ move }) => move);
    return {
      round: rounding(rounded[index], codec, at),
      store(rows) {
        decodeAll(codec, stored, rows, true);
      },
      restore(rows) {
        decodeAll(codec, restored, rows, false);
      },
    };
  });
}

function decodeAll(codec: HalfCodec, moves: readonly Move[], rows: number, encodesFirst: boolean): void {
  for (let index = 0; index < moves.length; index += 1) {
    const move = moves[index];
    if (move === undefined) continue;
    const count = rows * move.width;
    if (encodesFirst) codec.encode(move.full, move.half, count);
    codec.decode(move.half, move.full, count);
  }
}

/** Copies the stage's parameters, rounding those that have a rounded role. */
function rounding(
  room: RoundedParameters | undefined,
  codec: HalfCodec,
  at: (buffer: number) => Offset,
): HalfMoves["round"] {
  if (room === undefined) return (parameters) => parameters;
  const { segments } = room.node;
  const base = at(room.full) - (segments[0]?.offset ?? 0) * wordBytes;
  const half = at(room.half);
  return (parameters) => {
    for (let index = 0; index < segments.length; index += 1) {
      const segment = segments[index];
      if (segment !== undefined) copySegment(segment, parameters, base, half, codec);
    }
    return base;
  };
}

function copySegment(segment: Segment, parameters: Offset, base: Offset, half: Offset, codec: HalfCodec): void {
  const { offset, length, role } = segment;
  const begin = offset * wordBytes;
  if (roundedRoles.has(role)) {
    codec.encode(parameters + begin, half, length);
    codec.decode(half, base + begin, length);
  } else codec.copy(parameters + begin, base + begin, length);
}
