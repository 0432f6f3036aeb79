/**
 * `npm run bench -- [name] [--json]`: measures ours beside what others make of the same work, in one run on this machine.
 * Exit 0 when every limit holds, 1 when one does not, 2 for a name that does not exist.
 * Peers are the scripts of `<CEREBLOOM_SHARED>/peers` under the Python of `CEREBLOOM_PEERS_PYTHON`; a figure that
 * needs what is not there is skipped with a sentence.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Bench, BenchResult } from './bench-result.ts';
import { skipped } from './bench-result.ts';

const BENCHES = ['run', 'native', 'read-series', 'write-seg', 'register', 'align', 'infer', 'statistics', 'export', 'publish', 'workers', 'load', 'endurance'] as const;

const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'boolean', default: false } } });
const unknown = positionals.find(name => !(BENCHES as readonly string[]).includes(name));
if (unknown !== undefined) {
  process.stderr.write(`There is no bench ${unknown}; there are ${BENCHES.join(', ')}\n`);
  process.exit(2);
}

const results: BenchResult[] = [];
let broken = false;
for (const name of positionals.length > 0 ? positionals : BENCHES) {
  const file = join(import.meta.dirname, `${name}.ts`);
  if (!existsSync(file)) {
    skipped(name, 'it is not written yet');
    continue;
  }
  process.stderr.write(`${name} …\n`);
  try {
    const { bench } = await import(file) as { bench: Bench };
    results.push(...await bench());
  } catch (error) {
    broken = true;
    process.stderr.write(`${name} failed: ${error instanceof Error ? error.stack : String(error)}\n`);
  }
}
process.stdout.write(values.json ? `${JSON.stringify(results, null, 2)}\n` : table(results));
process.exit(broken || results.some(({ holds }) => !holds) ? 1 : 0);

function table(of: readonly BenchResult[]): string {
  const round = (n: number | undefined): string => (n === undefined ? '' : String(Number(n.toPrecision(3))));
  const rows = [
    ['name', 'value', 'unit', 'against', 'ratio', 'limit', 'holds'],
    ...of.map(r => [r.name, round(r.value), r.unit, round(r.against), round(r.ratio), r.limit ?? '', r.limit === undefined ? '' : r.holds ? 'yes' : 'NO']),
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]!.length)));
  return rows.map(row => row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ').trimEnd()).join('\n') + '\n';
}
