/** Views of a plan's region. A memory that grows gets a new buffer, so a view is made anew when it is stale. */

/** @returns a function that gives the current view; it allocates only after the memory has grown */
export function viewOf<T>(memory: WebAssembly.Memory, make: (buffer: ArrayBufferLike) => T): () => T {
  let buffer: ArrayBufferLike = memory.buffer;
  let view = make(buffer);
  return () => {
    if (memory.buffer !== buffer) {
      buffer = memory.buffer;
      view = make(buffer);
    }
    return view;
  };
}
