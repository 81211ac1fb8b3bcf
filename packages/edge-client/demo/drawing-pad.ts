/** A canvas to draw digits on, and what comes of them: 28 × 28 bytes, as in MNIST. */

export interface DrawnDigit {
  readonly label: number;
  /** [784], 0 is paper, 255 ink. */
  readonly pixels: Uint8Array;
}

const side = 28;
/** Of a digit within its picture, as in MNIST. */
const boxSide = 20;
const penWidth = 22;

export interface DrawingPad {
  /** Undefined where nothing is drawn. */
  read(): Uint8Array | undefined;
  wipe(): void;
}

/** @param onStroke - told after each stroke, and after wiping */
export function createDrawingPad(canvas: HTMLCanvasElement, onStroke: () => void): DrawingPad {
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  if (pen === null) throw new Error("this browser has no canvas");
  Object.assign(pen, { lineWidth: penWidth, lineCap: "round", lineJoin: "round", strokeStyle: "#fff" });
  const place = (event: PointerEvent): [number, number] => [
    (event.offsetX * canvas.width) / canvas.clientWidth,
    (event.offsetY * canvas.height) / canvas.clientHeight,
  ];
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pen.beginPath();
    pen.moveTo(...place(event));
    pen.lineTo(...place(event));
    pen.stroke();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!canvas.hasPointerCapture(event.pointerId)) return;
    pen.lineTo(...place(event));
    pen.stroke();
  });
  canvas.addEventListener("pointerup", onStroke);
  canvas.addEventListener("pointercancel", onStroke);
  return {
    read: () => shrink(canvas, pen),
    wipe() {
      pen.clearRect(0, 0, canvas.width, canvas.height);
      onStroke();
    },
  };
}

/** Scales what is drawn into the box, and puts its centre of mass into the middle: so MNIST's pictures were made. */
function shrink(canvas: HTMLCanvasElement, pen: CanvasRenderingContext2D): Uint8Array | undefined {
  const { width, height } = canvas;
  const box = boundsOf(pen.getImageData(0, 0, width, height).data, width);
  if (box === undefined) return undefined;
  const scale = boxSide / Math.max(box.width, box.height);
  const [w, h] = [box.width * scale, box.height * scale];
  const draw = (x: number, y: number): Uint8Array => {
    const small = new OffscreenCanvas(side, side).getContext("2d");
    if (small === null) throw new Error("this browser has no canvas");
    small.imageSmoothingQuality = "high";
    small.drawImage(canvas, box.left, box.top, box.width, box.height, x, y, w, h);
    const { data } = small.getImageData(0, 0, side, side);
    return Uint8Array.from({ length: side * side }, (_, at) => data[4 * at + 3] ?? 0);
  };
  const [left, top] = [(side - w) / 2, (side - h) / 2];
  const centre = centreOf(draw(left, top));
  return draw(left + (side - 1) / 2 - centre.x, top + (side - 1) / 2 - centre.y);
}

interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

function boundsOf(rgba: Uint8ClampedArray, width: number): Box | undefined {
  let [left, top, right, bottom] = [Infinity, Infinity, -1, -1];
  for (let at = 3; at < rgba.length; at += 4) {
    if ((rgba[at] ?? 0) === 0) continue;
    const pixel = (at - 3) / 4;
    const [x, y] = [pixel % width, Math.floor(pixel / width)];
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  return right < 0 ? undefined : { left, top, width: right - left + 1, height: bottom - top + 1 };
}

function centreOf(pixels: Uint8Array): { readonly x: number; readonly y: number } {
  let [sum, x, y] = [0, 0, 0];
  for (const [at, ink] of pixels.entries()) {
    sum += ink;
    x += ink * (at % side);
    y += ink * Math.floor(at / side);
  }
  return sum === 0 ? { x: (side - 1) / 2, y: (side - 1) / 2 } : { x: x / sum, y: y / sum };
}
