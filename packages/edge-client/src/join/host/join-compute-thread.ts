/** Entry of the thread that has the data of a client in Node, and trains. */
import { serveCompute } from "../serve-compute.ts";
import { parentThread } from "./parent-thread.ts";

serveCompute(parentThread());
