/** What is left out of a page's bundle. Plain JavaScript, as `build-page.mjs`. */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Instead of what vite puts around imports that wait: it preloads styles, of which a worker has none, and needs a window. */
export const plainImports = {
  name: "plain-imports",
  enforce: "pre",
  load: (id) => (id === "\0vite/preload-helper.js" ? "export const __vitePreload = (load) => load();" : undefined),
};

/** The client's workers, in the same build as the page: what they share is in files of its own, which a browser loads once. */
export const workers = ["network-worker", "compute-worker"];

/** By these names the page opens them, which do not change with their content; vite would bundle each by itself. */
export const namedWorkers = {
  name: "named-workers",
  enforce: "pre",
  transform(code, id) {
    if (!id.startsWith(ownSources)) return undefined;
    return workers.reduce(
      (text, name) => text.replace(`new URL("./${name}.js", import.meta.url)`, JSON.stringify(`./${name}.js`)),
      code,
    );
  },
};

const nats = "@nats-io/nats-core/internal";
const ownSources = fileURLToPath(new URL("../src/", import.meta.url));
/** Files of the library that have what clients use; a client that uses more does not build. */
const parts = {
  ws_transport: ["wsconnect"],
  authenticator: ["jwtAuthenticator"],
  nkeys: ["nkeys"],
  errors: ["NoRespondersError"],
};

/** Of the NATS library what clients use: it is CommonJS, of which bundlers leave nothing out, such as its benchmark. */
export const natsParts = {
  name: "nats-parts",
  enforce: "pre",
  resolveId: (source, importer = "") => (source === nats && importer.startsWith(ownSources) ? `\0${nats}` : undefined),
  load(id) {
    if (id !== `\0${nats}`) return undefined;
    const folder = dirname(createRequire(import.meta.url).resolve(nats));
    const lines = Object.entries(parts).map(
      ([file, names]) => `export { ${names.join(", ")} } from ${JSON.stringify(join(folder, `${file}.js`))};`,
    );
    return lines.join("\n");
  },
};
