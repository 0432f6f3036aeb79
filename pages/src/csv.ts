/** A table as it is shown and saved: every row has a cell for every column. */
export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number | null)[])[];
}

/** RFC 4180; numbers with a decimal point, empty where there is nothing. */
export const toCsv = ({ columns, rows }: Table): string =>
  [columns, ...rows].map(cells => cells.map(cell).join(',')).join('\r\n') + '\r\n';

function cell(value: string | number | null): string {
  const text = typeof value === 'number' ? String(Number(value.toFixed(6))) : value ?? '';
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Gives the reader a file, made here. */
export function saveCsv(name: string, table: Table): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([toCsv(table)], { type: 'text/csv' }));
  link.download = `${name}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
