/** Entry of the worker that has the data of a page's client, and trains. */
import { serveCompute } from "../serve-compute.ts";

serveCompute(globalThis);
