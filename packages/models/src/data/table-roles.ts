/** Which columns of a table are inputs, which are targets, and what kind of values they hold. */
import type { TableColumnsSpec } from "./table-spec.ts";
import { onlyInput, onlyTarget } from "./dataset.ts";
import { shortList } from "./raw-rows.ts";

export interface ColumnRole {
  readonly index: number;
  readonly column: string;
}

export interface InputRole extends ColumnRole {
  readonly isCategory: boolean;
}

export type TargetRole =
  | { readonly kind: "class"; readonly column: ColumnRole }
  | { readonly kind: "number"; readonly columns: readonly ColumnRole[] };

export interface TableRoles {
  readonly inputs: Readonly<Record<string, readonly InputRole[]>>;
  readonly targets: Readonly<Record<string, TargetRole>>;
}

type Reference = string | number;

/** @param fail ends with an error about the table's columns */
export function rolesOf(
  spec: TableColumnsSpec,
  names: readonly string[],
  fail: (sentence: string) => never,
): TableRoles {
  const find = (reference: Reference, what: string): ColumnRole => {
    const index = typeof reference === "number" ? reference : names.indexOf(reference);
    const column = names[index];
    return column === undefined
      ? fail(`there is no ${what} ${reference}; the columns are ${shortList(names)}`)
      : { index, column };
  };
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) fail(`two columns are called ${twice}`);
  const targets = targetsOf(spec, find);
  const categories = new Set((spec.categories ?? []).map((reference) => find(reference, "column").index));
  const role = ({ index, column }: ColumnRole): InputRole => ({ index, column, isCategory: categories.has(index) });
  if (spec.inputs !== undefined) {
    const chosen = Object.entries(spec.inputs).map(([name, references]) => {
      return [name, references.map((reference) => role(find(reference, "column")))] as const;
    });
    return { inputs: Object.fromEntries(chosen), targets };
  }
  const taken = new Set(Object.values(targets).flatMap((target) => columnsOf(target).map(({ index }) => index)));
  const rest = names.map((column, index) => ({ column, index })).filter(({ index }) => !taken.has(index));
  if (rest.length === 0) fail("expected at least one column beside the label");
  return { inputs: { [onlyInput]: rest.map(role) }, targets };
}

function targetsOf(
  spec: TableColumnsSpec,
  find: (reference: Reference, what: string) => ColumnRole,
): Readonly<Record<string, TargetRole>> {
  if (spec.labelColumn !== undefined) {
    const column = find(spec.labelColumn, "label column");
    const target: TargetRole =
      spec.labelKind === "number" ? { kind: "number", columns: [column] } : { kind: "class", column };
    return { [onlyTarget]: target };
  }
  const entries = Object.entries(spec.targets ?? {}).map(([name, { columns, kind }]): [string, TargetRole] => {
    const found = columns.map((reference) => find(reference, "column"));
    const [first] = found;
    return [
      name,
      kind === "number" || first === undefined ? { kind: "number", columns: found } : { kind: "class", column: first },
    ];
  });
  return Object.fromEntries(entries);
}

function columnsOf(target: TargetRole): readonly ColumnRole[] {
  return target.kind === "class" ? [target.column] : target.columns;
}
