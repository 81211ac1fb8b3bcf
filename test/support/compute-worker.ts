/** A page's compute thread with digits. */
import { serveTrainer } from "@shoal/edge-client";
import { loadKernelModules } from "@shoal/kernels-wasm";
import { digitsTrainer } from "./compute-task.ts";

serveTrainer(globalThis, digitsTrainer(await loadKernelModules()));
