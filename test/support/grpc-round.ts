/** Child process: a server, a link, one pull, everything closed. It ends by itself when no handle is left. */
import { makeGrpcScene } from "./link-scene.ts";

const scene = await makeGrpcScene({ sizes: [2], fill: 1 });
await scene.link().pull({ shard: 0, clock: 0, into: new Float32Array(2) }, { deadlineMs: 60_000 });
await scene.close();
console.log("closed");
