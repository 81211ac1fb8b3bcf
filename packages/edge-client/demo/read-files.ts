/** Two files that somebody chose, images and labels in MNIST's format, gzipped or not. */

const gzipMagic = [0x1f, 0x8b] as const;
/** The third and fourth byte: unsigned bytes, and the number of dimensions. */
const labelsMagic = 0x0801;
/** Unpacked; MNIST's training images are 47 MB. */
const mostBytes = 256 * 2 ** 20;

/** @returns null where none were chosen @throws Error - not two files, or too long */
export async function readFiles(
  chosen: FileList | null,
): Promise<{ readonly images: Uint8Array; readonly labels: Uint8Array } | null> {
  if (chosen === null || chosen.length === 0) return null;
  if (chosen.length !== 2) throw new Error("Choose two files: one of images, one of their labels.");
  const [first, second] = await Promise.all([...chosen].map(readFile));
  if (first === undefined || second === undefined) return null;
  return isLabels(first) ? { images: second, labels: first } : { images: first, labels: second };
}

async function readFile(file: File): Promise<Uint8Array> {
  const begin = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  const isPacked = gzipMagic.every((byte, at) => begin[at] === byte);
  const stream = isPacked ? file.stream().pipeThrough(new DecompressionStream("gzip")) : file.stream();
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  try {
    for await (const piece of stream) {
      bytes += piece.length;
      if (bytes > mostBytes) break;
      pieces.push(piece);
    }
  } catch (cause) {
    throw new Error(`${file.name} cannot be read: it is damaged, or not packed as its beginning says.`, { cause });
  }
  if (bytes > mostBytes) throw new Error(`${file.name} is too long: ${mostBytes / 2 ** 20} MB at most.`);
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

function isLabels(content: Uint8Array): boolean {
  return (((content[2] ?? 0) << 8) | (content[3] ?? 0)) === labelsMagic;
}
