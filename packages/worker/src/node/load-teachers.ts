/** Reads the teachers that a model's losses name. */
import { ShoalError } from "@shoal/errors";
import { decodeModelFile, describeModel, describeShape, type ModelDescription, type ModelSpec } from "@shoal/models";
import type { Teacher } from "../compute/teachers.ts";

/**
 * @param readModel gives the bytes of a file
 * @throws ShoalError data_not_found, data_corrupt; invalid_argument - a teacher takes or gives something else than the
 *   model; all name the file
 */
export async function loadTeachers(
  model: ModelSpec,
  readModel: (file: string) => Promise<Uint8Array>,
): Promise<readonly Teacher[]> {
  const student = describeModel(model, 1);
  const teachers: Teacher[] = [];
  for (const { name, loss } of student.outputs) {
    if (loss.type !== "distillation" || loss.teacher === undefined) continue;
    teachers.push({ output: name, ...(await loadTeacher(loss.teacher, name, student, readModel)) });
  }
  return teachers;
}

async function loadTeacher(
  file: string,
  output: string,
  student: ModelDescription,
  readModel: (file: string) => Promise<Uint8Array>,
): Promise<Omit<Teacher, "output">> {
  try {
    const { spec, parameters } = decodeModelFile(await readModel(file));
    checkTeacher(describeModel(spec, 1), student, output);
    return { model: spec, parameters };
  } catch (cause) {
    const { code, message, details } = ShoalError.from(cause);
    throw new ShoalError(code, `the teacher ${file}: ${message.replace(/^\[[a-z_]+\] /, "")}`, details, { cause });
  }
}

function checkTeacher(teacher: ModelDescription, student: ModelDescription, output: string): void {
  const [given] = teacher.outputs;
  const wanted = student.outputs.find(({ name }) => name === output);
  compare("gives", given === undefined ? [] : [given], wanted === undefined ? [] : [wanted], output);
  compare("takes", teacher.inputs, student.inputs, output);
}

/** Inputs are paired by their order: a model that does not name its input teaches one that does. */
function compare(verb: string, own: Shapes, wanted: Shapes, output: string): void {
  const [found, expected] = [own, wanted].map((values) =>
    values.map(({ shape }) => describeShape(shape)).join(" and "),
  );
  if (found === expected) return;
  throw new ShoalError("invalid_argument", `it ${verb} ${found}, the model ${expected}`, { output });
}

type Shapes = readonly Pick<ModelDescription["inputs"][number], "shape">[];
