/**
 * Draws one digit with a hand that varies: shift, scale, slant, turn, thickness, wobble and noise are drawn per sample.
 * Only +, −, ×, ÷ and square roots are used, so that the pixels are the same on every platform.
 */
import type { CounterRandom } from "../random/counter-random.ts";
import { digitStrokes, type Point, type Stroke } from "./digit-strokes.ts";

export const digitSide = 28;

/** Ranges of what varies; lengths in pixels, wobble in parts of the digit's box. */
const variation = {
  width: [8, 16],
  height: [13, 21],
  shift: [-3, 3],
  slant: [-0.4, 0.4],
  /** Half the tangent of the angle: ±0.18 is ±20°. */
  turn: [-0.18, 0.18],
  thickness: [0.7, 1.7],
  wobble: [-0.1, 0.1],
  ink: [110, 255],
  noise: [0, 60],
} as const;

/** One random word serves the noise of this many pixels. */
const bytesPerWord = 4;

/** Straight pieces of one curve. */
const piecesPerCurve = 5;

interface Pen {
  readonly place: (point: Point) => Point;
  /** Half of the stroke's width. */
  readonly radius: number;
  readonly ink: number;
}

function between(random: CounterRandom, [low, high]: readonly [number, number]): number {
  return low + (high - low) * random.uniform();
}

function takePen(random: CounterRandom): Pen {
  const width = between(random, variation.width);
  const height = between(random, variation.height);
  const slant = between(random, variation.slant);
  const turn = between(random, variation.turn);
  const centreX = digitSide / 2 + between(random, variation.shift);
  const centreY = digitSide / 2 + between(random, variation.shift);
  const cosine = (1 - turn * turn) / (1 + turn * turn);
  const sine = (2 * turn) / (1 + turn * turn);
  const wobble = (): number => between(random, variation.wobble);
  return {
    place([x, y]) {
      const down = (y + wobble() - 0.5) * height;
      const right = (x + wobble() - 0.5) * width - slant * down;
      return [centreX + cosine * right - sine * down, centreY + sine * right + cosine * down];
    },
    radius: between(random, variation.thickness),
    ink: between(random, variation.ink),
  };
}

/** Overwrites the digitSide² bytes of `pixels`. @param digit 0 to 9 */
export function drawDigit(digit: number, random: CounterRandom, pixels: Uint8Array): void {
  const pen = takePen(random);
  const ink = new Float32Array(pixels.length);
  for (const stroke of digitStrokes[digit] ?? []) drawStroke(stroke.map(pen.place), pen, ink);
  const noise = between(random, variation.noise);
  let word = 0;
  for (let index = 0; index < ink.length; index += 1) {
    word = index % bytesPerWord === 0 ? random.word() : word >>> 8;
    const noisy = (ink[index] ?? 0) + ((word & 0xff) / 127.5 - 1) * noise;
    pixels[index] = Math.min(255, Math.max(0, Math.floor(noisy + 0.5)));
  }
}

function drawStroke(points: Stroke, pen: Pen, ink: Float32Array): void {
  for (let index = 0; index + 2 < points.length; index += 2) {
    const [start, control, end] = [points[index], points[index + 1], points[index + 2]];
    if (start === undefined || control === undefined || end === undefined) return;
    let from = start;
    for (let piece = 1; piece <= piecesPerCurve; piece += 1) {
      const to = onCurve(start, control, end, piece / piecesPerCurve);
      drawPiece(from, to, pen, ink);
      from = to;
    }
  }
}

/** The point of a quadratic Bézier curve at `t` in [0, 1]. */
function onCurve(start: Point, control: Point, end: Point, t: number): Point {
  const [a, b, c] = [(1 - t) * (1 - t), 2 * t * (1 - t), t * t];
  return [a * start[0] + b * control[0] + c * end[0], a * start[1] + b * control[1] + c * end[1]];
}

/** Inks the pixels near a straight piece; the edge of the stroke fades over one pixel. */
function drawPiece(from: Point, to: Point, pen: Pen, ink: Float32Array): void {
  const reach = pen.radius + 0.5;
  const firstX = Math.max(0, Math.floor(Math.min(from[0], to[0]) - reach - 0.5));
  const lastX = Math.min(digitSide - 1, Math.floor(Math.max(from[0], to[0]) + reach - 0.5) + 1);
  const firstY = Math.max(0, Math.floor(Math.min(from[1], to[1]) - reach - 0.5));
  const lastY = Math.min(digitSide - 1, Math.floor(Math.max(from[1], to[1]) + reach - 0.5) + 1);
  for (let y = firstY; y <= lastY; y += 1) {
    for (let x = firstX; x <= lastX; x += 1) {
      const squared = squaredDistance(x + 0.5, y + 0.5, from, to);
      if (squared >= reach * reach) continue;
      const index = y * digitSide + x;
      const inked = Math.min(1, reach - Math.sqrt(squared)) * pen.ink;
      if (inked > (ink[index] ?? 0)) ink[index] = inked;
    }
  }
}

/** From (x, y) to the nearest point of the piece. */
function squaredDistance(x: number, y: number, from: Point, to: Point): number {
  const alongX = to[0] - from[0];
  const alongY = to[1] - from[1];
  const squaredLength = alongX * alongX + alongY * alongY;
  const projected = (x - from[0]) * alongX + (y - from[1]) * alongY;
  const t = squaredLength > 0 ? Math.min(1, Math.max(0, projected / squaredLength)) : 0;
  const offX = x - from[0] - t * alongX;
  const offY = y - from[1] - t * alongY;
  return offX * offX + offY * offY;
}
