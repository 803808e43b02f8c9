/** Writes a table as text: a line for each row, which starts with its name. */
export function writeTable(
  columns: readonly string[],
  rows: ReadonlyMap<string, Readonly<Record<string, string>>>,
): string {
  const lines = [...rows].map(([name, cells]) => [name, ...columns.map((column) => cells[column] ?? '')]);
  const all = [['', ...columns], ...lines];
  const widths = all[0]?.map((_, index) => Math.max(...all.map((line) => line[index]?.length ?? 0)));
  return all
    .map((line) =>
      line
        .map((cell, index) => cell.padEnd(widths?.[index] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
