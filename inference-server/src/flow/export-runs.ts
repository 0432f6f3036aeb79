import { once } from 'node:events';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { ByteWriter, parquetWriteRows } from 'hyparquet-writer';
import type { RunFilter, RunRecord, RunRepository } from '../adapters/run-repository.ts';
import { EXPORT_COLUMNS, type EXPORT_FORMATS, type ExportRow } from '../contract/run-export.ts';
import { STAGES } from '../domain/run.ts';

const NAMES = Object.keys(EXPORT_COLUMNS);
/** Parquet keeps what it knows of every group until its end, so that groups must not be small. */
const ROWS_PER_GROUP = 5_000;

export type ExportFilter = Pick<RunFilter, 'from' | 'to' | 'slice'>;

/** Runs that ended, in the order of their end, as the chunks of a file; never more than a page of them is held. */
export function exportRuns(runs: RunRepository, filter: ExportFilter, format: (typeof EXPORT_FORMATS)[number]): AsyncIterable<string | Uint8Array> {
  const rows = exportRows(runs, filter);
  return format === 'parquet' ? toParquet(rows) : format === 'csv' ? toCsv(rows) : toLines(rows);
}

async function* exportRows(runs: RunRepository, filter: ExportFilter): AsyncGenerator<ExportRow[]> {
  for await (const page of runs.ended(filter)) yield page.map(toExportRow);
}

export function toExportRow(run: RunRecord): ExportRow {
  const { result, review } = run;
  const seconds = run.startedAt === null || run.finishedAt === null ? null : (Date.parse(run.finishedAt) - Date.parse(run.startedAt)) / 1000;
  return {
    run_id: run.id, state: run.state, trigger: run.trigger, model: run.model.id, model_version: run.model.version, pipeline_version: run.pipelineVersion,
    scanner: run.scanner, site: run.site, patient_pseudonym: run.patientPseudonym, physician_pseudonym: run.physicianPseudonym,
    queued_at: run.queuedAt, started_at: run.startedAt, finished_at: run.finishedAt, processing_seconds: seconds,
    ...Object.fromEntries(STAGES.map(stage => [`${stage.replace('-', '_')}_seconds`, run.secondsPerStage[stage] ?? null])),
    error_code: run.error?.code ?? null, confidence: result?.confidence ?? null,
    total_volume_ml: result?.volumesMl.total ?? null, necrotic_volume_ml: result?.volumesMl.necrotic ?? null,
    edema_volume_ml: result?.volumesMl.edema ?? null, enhancing_volume_ml: result?.volumesMl.enhancing ?? null,
    missing_sequences: result ? result.missing.join(' ') : null, review: review?.decision ?? null, reviewed_at: review?.at ?? null,
  };
}

/** RFC 4180. */
async function* toCsv(pages: AsyncIterable<ExportRow[]>): AsyncGenerator<string> {
  yield `${NAMES.join(',')}\r\n`;
  for await (const page of pages) yield page.map(row => `${NAMES.map(name => cell(row[name]!)).join(',')}\r\n`).join('');
}

/** A text that a spreadsheet would take for a formula gets an apostrophe: station names come from outside. */
function cell(value: string | number | null): string {
  if (value === null) return '';
  const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

async function* toLines(pages: AsyncIterable<ExportRow[]>): AsyncGenerator<string> {
  for await (const page of pages) yield page.map(row => `${JSON.stringify(row)}\n`).join('');
}

const PARQUET_TYPES = { text: 'STRING', number: 'DOUBLE', instant: 'TIMESTAMP' } as const;

/** Written group by group; the next one waits until the reader has taken the one before. */
function toParquet(pages: AsyncIterable<ExportRow[]>): Readable {
  const file = new PassThrough();
  const writer = new ByteWriter();
  const flush = async () => {
    const chunk = writer.getBytes().slice();
    writer.index = 0;
    if (!file.write(chunk)) await drained(file);
    if (file.destroyed) throw new Error('Nobody reads the file any more');
  };
  Promise.resolve(parquetWriteRows({
    writer: Object.assign(writer, { flush, finish: flush }),
    columns: Object.entries(EXPORT_COLUMNS).map(([name, { type }]) => ({ name, type: PARQUET_TYPES[type], nullable: true })),
    rows: parquetRows(pages), rowGroupSize: ROWS_PER_GROUP,
  })).then(() => file.end(), (error: Error) => file.destroy(error));
  return file;
}

/** Until the stream takes more or is closed; which of them does not come is not listened for any longer. */
async function drained(stream: Writable): Promise<void> {
  const waiting = new AbortController();
  const { signal } = waiting;
  await Promise.race([once(stream, 'drain', { signal }), once(stream, 'close', { signal })]);
  waiting.abort();
}

async function* parquetRows(pages: AsyncIterable<ExportRow[]>): AsyncGenerator<Record<string, unknown>> {
  for await (const page of pages) {
    for (const row of page) yield Object.fromEntries(Object.entries(EXPORT_COLUMNS).map(([name, { type }]) => [name, type === 'instant' && row[name] ? new Date(row[name]) : row[name]]));
  }
}
