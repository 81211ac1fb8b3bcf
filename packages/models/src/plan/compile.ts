import type { Kernels } from "@shoal/kernels-wasm";
import type { Region } from "@shoal/kernels-wasm";
import type { ModelSpec } from "../spec/model-spec.ts";
import type { Plan, PlanMemory } from "./plan.ts";
export interface CompileOptions {
  readonly batchSize: number;
  readonly kernels: Kernels;
  readonly memory: PlanMemory;
}
export declare function planBytes(spec: ModelSpec, batchSize: number): number;
export declare function compile(spec: ModelSpec, options: CompileOptions): Plan;
export declare function regionMemory(memory: WebAssembly.Memory, region: Region): PlanMemory;
