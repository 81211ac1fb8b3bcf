/**
 * Which files the page's scripts are in. Plain JavaScript, as `build-page.mjs`.
 *
 * Few large files compress better than many small ones: what both workers have, or one and what it loads later, is in one. A
 * worker may therefore hold some it does not need; that is read from the browser's cache.
 */
const kernels = /[\\/]packages[\\/]kernels-wasm[\\/]/;
const errors = /[\\/]packages[\\/]errors[\\/]/;
/** The page loads these, too: it shall not load the rest for them. */
const alsoOnPage = /[\\/](reconnect-hints|system-clock|next-turn|system-random|random|counter-random|philox)\.ts$/;

const shared = { tags: ["$initial"], minShareCount: 2 };

export const pageChunks = {
  groups: [
    // A group takes what its files import, unless a group before it has that.
    { ...shared, name: "errors", test: errors, priority: 3 },
    { ...shared, name: "kernels", test: kernels, priority: 2 },
    { ...shared, name: "shared", test: (id) => !alsoOnPage.test(id), priority: 1 },
  ],
};
