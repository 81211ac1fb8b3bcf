/**
 * Walks MessagePack bytes without building anything and says whether they are one plain value.
 *
 * The decoder behind it knows more than plain data (records compiled to functions, cyclic references, regular
 * expressions, errors). None of that may come from a wire, and the same check on the encoder's output tells a sender
 * at once what its receiver would refuse.
 *
 * Bounds  {@link maximumDepth} levels; no length is trusted before that many bytes are known to be there; no recursion.
 * Source  MessagePack specification, https://github.com/msgpack/msgpack/blob/master/spec.md
 */

/** Deepest nesting of maps and arrays. */
export const maximumDepth = 32;

/** Bytes that follow each head from 0xc0 to 0xdf: [length field, fixed payload]; undefined is not allowed. */
const layouts: readonly (readonly [number, number] | undefined)[] = [
  [0, 0], // c0 nil
  undefined, // c1 never used
  [0, 0], // c2 false
  [0, 0], // c3 true
  [1, 0], // c4 bin 8
  [2, 0], // c5 bin 16
  [4, 0], // c6 bin 32
  [1, 1], // c7 ext 8
  [2, 1], // c8 ext 16
  [4, 1], // c9 ext 32
  [0, 4], // ca float 32
  [0, 8], // cb float 64
  [0, 1], // cc uint 8
  [0, 2], // cd uint 16
  [0, 4], // ce uint 32
  [0, 8], // cf uint 64
  [0, 1], // d0 int 8
  [0, 2], // d1 int 16
  [0, 4], // d2 int 32
  [0, 8], // d3 int 64
  [0, 2], // d4 fixext 1
  [0, 3], // d5 fixext 2
  [0, 5], // d6 fixext 4
  [0, 9], // d7 fixext 8
  [0, 17], // d8 fixext 16
  [1, 0], // d9 str 8
  [2, 0], // da str 16
  [4, 0], // db str 32
  [2, 0], // dc array 16
  [4, 0], // dd array 32
  [2, 0], // de map 16
  [4, 0], // df map 32
];

/**
 * Returns what is wrong with `bytes` (borrowed), or undefined for one plain value.
 * @param allowedExtension - the one extension type that may occur, -1 for none
 */
export function findMessagePackFault(bytes: Uint8Array, allowedExtension: number): string | undefined {
  const open: { left: number; readonly isMap: boolean }[] = [];
  // One for all items: there are dozens in every message.
  const item: Item = { end: 0, children: 0, isMap: false };
  let position = 0;
  do {
    const container = open.at(-1);
    const head = bytes[position];
    if (head === undefined) return "it ends early";
    // A map counts its keys and values down together, so a key is next at every even count.
    if (container?.isMap === true && container.left % 2 === 0 && !isString(head)) return "a map key is not a string";
    const fault = readItem(bytes, position, allowedExtension, item);
    if (fault !== undefined) return fault;
    position = item.end;
    if (container !== undefined) container.left--;
    if (item.children > 0) {
      if (item.children > bytes.length - position) return "it ends early";
      if (open.length >= maximumDepth) return `it is nested deeper than ${String(maximumDepth)} levels`;
      open.push({ left: item.children, isMap: item.isMap });
    }
    while (open.at(-1)?.left === 0) open.pop();
  } while (open.length > 0);
  return position === bytes.length ? undefined : "bytes follow its end";
}

interface Item {
  end: number;
  children: number;
  isMap: boolean;
}

function isString(head: number): boolean {
  return (head >= 0xa0 && head <= 0xbf) || (head >= 0xd9 && head <= 0xdb);
}

/** Reads what begins at `start` into `item`, unless something is wrong with it. */
function readItem(bytes: Uint8Array, start: number, allowedExtension: number, item: Item): string | undefined {
  const head = bytes[start] ?? 0xc1;
  const next = start + 1;
  if (head < 0x80 || head >= 0xe0) return put(item, bytes, next, 0, false);
  if (head < 0x90) return put(item, bytes, next, 2 * (head & 0x0f), true);
  if (head < 0xa0) return put(item, bytes, next, head & 0x0f, false);
  if (head < 0xc0) return put(item, bytes, next + (head & 0x1f), 0, false);
  const layout = layouts[head - 0xc0];
  if (layout === undefined) return "it holds the byte c1";
  const [lengthBytes, fixed] = layout;
  if (next + lengthBytes > bytes.length) return "it ends early";
  const length = readLength(bytes, next, lengthBytes);
  const body = next + lengthBytes;
  if (head >= 0xdc) return put(item, bytes, body, head >= 0xde ? 2 * length : length, head >= 0xde);
  if (isExtension(head) && bytes[body] !== allowedExtension) {
    return `it holds an extension of type ${String(bytes[body])}, which is not plain data`;
  }
  return put(item, bytes, body + fixed + length, 0, false);
}

function isExtension(head: number): boolean {
  return (head >= 0xc7 && head <= 0xc9) || (head >= 0xd4 && head <= 0xd8);
}

function put(item: Item, bytes: Uint8Array, end: number, children: number, isMap: boolean): string | undefined {
  if (end > bytes.length) return "it ends early";
  item.end = end;
  item.children = children;
  item.isMap = isMap;
  return undefined;
}

function readLength(bytes: Uint8Array, at: number, size: number): number {
  let length = 0;
  for (let index = at; index < at + size; index++) length = length * 256 + (bytes[index] ?? 0);
  return length;
}
