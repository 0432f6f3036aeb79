import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import { parquetReadObjects } from 'hyparquet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../../inference-server/src/adapters/database.ts';
import { RunRepository, type RunRecord } from '../../../inference-server/src/adapters/run-repository.ts';
import { exportRuns, type ExportFilter } from '../../../inference-server/src/flow/export-runs.ts';
import { endARun } from '../../support/ended-runs.ts';
import { nobodyListens } from '../../support/runs.ts';

let db: Database;
let runs: RunRepository;
beforeEach(async () => {
  db = await openDatabase('sqlite::memory:');
  runs = new RunRepository(db, nobodyListens);
});
afterEach(() => db.destroy());

async function file(format: 'csv' | 'jsonl' | 'parquet', filter: ExportFilter = {}): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of exportRuns(runs, filter, format)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}
const lines = async (filter?: ExportFilter) => (await file('jsonl', filter)).toString().trim().split('\n').filter(Boolean).map(line => JSON.parse(line) as Record<string, unknown>);

describe('exporting runs', () => {
  it('gives one line per run that ended, in the order of their end, without names and UIDs', async () => {
    const late = await endARun(runs, { studyInstanceUid: '2.25.1', finishedAt: '2026-03-05T10:00:00.000Z' });
    const early = await endARun(runs, { studyInstanceUid: '2.25.2', state: 'failed' });
    const [first, second] = await lines();
    expect([first!.run_id, second!.run_id]).toEqual([early.id, late.id]);
    expect(first).toMatchObject({ state: 'failed', error_code: 'SERIES_MISSING', total_volume_ml: null, processing_seconds: 12.5 });
    expect(second).toMatchObject({ confidence: 0.9, total_volume_ml: 30, infer_seconds: 8, extract_brain_seconds: 1, patient_pseudonym: 'p-4f2a', physician_pseudonym: 'd-07c1', review: null });
    expect((await file('csv')).toString()).not.toMatch(/Dr Example|2\.25\./);
  });

  it('keeps every run of many pages once, also of those that ended in the same instant', async () => {
    for (let n = 0; n < 1203; n++) await endARun(runs, { studyInstanceUid: `2.25.${n}` });
    expect(new Set((await lines()).map(({ run_id }) => run_id)).size).toBe(1203);
  });

  it('takes only the days and the slice that are asked for', async () => {
    for (const [n, finishedAt] of ['2026-03-01T23:59:59.999Z', '2026-03-02T00:00:00.000Z', '2026-03-03T00:00:00.000Z'].entries()) await endARun(runs, { studyInstanceUid: `2.25.${n}`, finishedAt, scanner: `MR${n}` });
    expect((await lines({ from: '2026-03-02', to: '2026-03-02' })).map(({ finished_at }) => finished_at)).toEqual(['2026-03-02T00:00:00.000Z']);
    expect(await lines({ slice: { dimension: 'scanner', value: 'MR2' } })).toHaveLength(1);
  });

  it('quotes in CSV what has commas, and lets no spreadsheet take a name for a formula', async () => {
    await endARun(runs, { scanner: '=cmd|1', site: 'North, "Main"' });
    const text = (await file('csv')).toString();
    expect(text).toContain(`,'=cmd|1,"North, ""Main""",`);
    expect(text.split('\r\n')[0]).toMatch(/^run_id,state,trigger,/);
  });

  it('gives Parquet that another library reads to the same rows', async () => {
    for (let n = 0; n < 3; n++) await endARun(runs, { studyInstanceUid: `2.25.${n}`, ...(n === 1 && { state: 'failed' as const }) });
    const bytes = await file('parquet');
    const rows = await parquetReadObjects({ file: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer });
    const expected = await lines();
    expect(rows).toHaveLength(3);
    for (const [n, row] of rows.entries()) expect(JSON.parse(JSON.stringify(row))).toEqual(expected[n]);
  });

  it('writes Parquet of any length without waiting at more and more listeners', async () => {
    const run = await endARun(runs);
    const page = () => Array.from({ length: 500 }, (): RunRecord => ({ ...run, id: randomUUID() }));
    const many = { ended: async function* () { for (let n = 0; n < 150; n++) yield page(); } } as unknown as RunRepository;
    const stream = exportRuns(many, {}, 'parquet') as Readable;
    const listeners: number[] = [];
    // read bit by bit, so that the writer has to wait
    for await (const chunk of stream) if (chunk) listeners.push(stream.listenerCount('close'));
    expect(listeners.length).toBeGreaterThan(10);
    expect(Math.max(...listeners), listeners.join()).toBeLessThan(6);
  });

  it('gives a whole file where there is nothing', async () => {
    expect((await file('csv')).toString().trim().split('\r\n')).toHaveLength(1);
    expect(await file('jsonl')).toHaveLength(0);
    expect((await file('parquet')).subarray(0, 4).toString()).toBe('PAR1');
  });
});
