/**
 * Teachers of a distillation: models whose logits are the targets of another one. They see the same samples as their
 * student, in the order of the batch, as they are used (without dropout).
 */
import type { Kernels, Offset, Region } from "@shoal/kernels-wasm";
import {
  compile,
  createBatchFiller,
  layoutOf,
  planBytes,
  regionMemory,
  type BatchFiller,
  type ModelSpec,
  type OpenRecords,
  type Plan,
  type Split,
} from "@shoal/models";

export interface Teacher {
  /** The student's output that it teaches; its own first output says what is right. */
  readonly output: string;
  readonly model: ModelSpec;
  readonly parameters: Float32Array;
}

const floatBytes = Float32Array.BYTES_PER_ELEMENT;
const alignment = 64;

function aligned(bytes: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}

/** Bytes of kernel memory that teachers need for batches of up to `rows` samples. */
export function teacherBytes(teachers: readonly Teacher[], rows: number): number {
  return teachers.reduce((sum, teacher) => sum + parameterBytes(teacher) + aligned(planBytes(teacher.model, rows)), 0);
}

function parameterBytes({ model }: Teacher): number {
  return aligned(layoutOf(model).size * floatBytes);
}

export interface TeachingSite {
  readonly kernels: Kernels;
  readonly memory: WebAssembly.Memory;
  /** Of `teacherBytes`. */
  readonly region: Region;
  /** The student's. */
  readonly plan: Plan;
  readonly openRecords: OpenRecords | undefined;
}

interface ReadyTeacher {
  readonly output: string;
  readonly plan: Plan;
  readonly parameters: Offset;
}

export interface Teaching {
  /**
   * A filler that, after `filler`, overwrites the student's targets with the teachers' logits. Closing it closes
   * `filler`.
   * @param split of which `filler` is
   */
  fillerOf(split: Split, filler: BatchFiller): BatchFiller;
}

/** Compiles the teachers. Borrows their parameters for the call. */
export function createTeaching(teachers: readonly Teacher[], site: TeachingSite): Teaching {
  const { kernels, memory, region, plan: student } = site;
  let at = region.byteOffset;
  const ready = teachers.map((teacher): ReadyTeacher => {
    const { model, output } = teacher;
    const parameters = at;
    new Float32Array(memory.buffer, parameters, teacher.parameters.length).set(teacher.parameters);
    const own = { byteOffset: at + parameterBytes(teacher), byteLength: aligned(planBytes(model, student.batchSize)) };
    at = own.byteOffset + own.byteLength;
    const plan = compile(model, { kernels, memory: regionMemory(memory, own), batchSize: student.batchSize });
    return { output, plan, parameters };
  });
  return {
    fillerOf(split, filler) {
      if (ready.length === 0) return filler;
      const inputs: Split = { ...split, targets: {} };
      const fillers = ready.map(({ plan }) => createBatchFiller(inputs, plan, site.openRecords));
      return {
        fill(order, begin, end) {
          const rows = filler.fill(order, begin, end);
          for (const [index, teacher] of ready.entries()) {
            fillers[index]?.fill(order, begin, end);
            teacher.plan.forward(teacher.parameters, rows);
            copyLogits(memory, teacher, student, rows);
          }
          return rows;
        },
        close() {
          filler.close();
          for (const each of fillers) each.close();
        },
      };
    },
  };
}

function copyLogits(memory: WebAssembly.Memory, { plan, output }: ReadyTeacher, student: Plan, rows: number): void {
  const [logits] = Object.values(plan.outputs);
  const target = student.targets[output];
  if (logits === undefined || target?.kind !== "numbers") throw new RangeError(`nothing can be taught to ${output}`);
  target.numbers.set(new Float32Array(memory.buffer, logits.offset, rows * target.width));
}
