import { statisticsListener } from '../adapters/count-runs.ts';
import { openDatabase } from '../adapters/database.ts';
import { readRunLog } from '../adapters/log-reader.ts';
import { MlflowClient } from '../adapters/mlflow-client.ts';
import { OutboxRepository } from '../adapters/outbox-repository.ts';
import { RunRepository, type RunRecord } from '../adapters/run-repository.ts';
import { type Config, databaseUrl, readConfig } from '../config.ts';
import { openOrthanc } from '../context.ts';
import type { RunLog } from '../contract/run-details.ts';
import { AppError } from '../domain/errors.ts';
import { parseUid } from '../domain/uid.ts';
import { parse, runCommand, UsageError } from './run-command.ts';

const USAGE = `One run, followed through gateway, worker, Orthanc and MLflow: the lines that tell of it, and what each of them has of it now.

  npm run log -- <run id> [--json]
`;
const PATIENCE_MS = 5_000;
const LINES = 5_000;

/** What the parts have of a run now. */
interface Followed {
  readonly run: Pick<RunRecord, 'id' | 'state' | 'error' | 'queuedAt' | 'startedAt' | 'finishedAt' | 'attempts' | 'secondsPerStage' | 'supersededBy'>;
  readonly lines: RunLog['lines'];
  readonly orthanc: string;
  readonly mlflow: string;
}

async function follow(config: Config, id: string): Promise<Followed> {
  const db = await openDatabase(databaseUrl(config));
  const orthanc = openOrthanc(config, PATIENCE_MS);
  const mlflow = new MlflowClient(config.MLFLOW_URL);
  try {
    const run = await new RunRepository(db, statisticsListener).find(id);
    if (!run) throw new UsageError(`There is no run ${id} in this installation's database; /dashboard/runs lists them`);
    const published = await new OutboxRepository(db).mlflowRunOf(id);
    const { lines } = await readRunLog(config.CEREBLOOM_HOME, id, Date.parse(run.queuedAt), LINES);
    const { state, error, queuedAt, startedAt, finishedAt, attempts, secondsPerStage, supersededBy } = run;
    return {
      run: { id, state, error, queuedAt, startedAt, finishedAt, attempts, secondsPerStage, supersededBy }, lines,
      orthanc: await inWords(async () => {
        const { series } = await orthanc.findStudy(parseUid('study', run.studyInstanceUid));
        const has = (uid: string) => (series.some(each => each.uid === uid) ? 'is there' : 'is NOT there');
        return `study of ${series.length} series${run.result ? `; SEG ${has(run.result.segSeriesUid)}, SR ${has(run.result.srSeriesUid)}` : ''}`;
      }),
      mlflow: published === undefined ? 'not told yet' : await inWords(async () => {
        const known = await mlflow.getRun(published);
        return `run ${published} ${known === undefined ? 'is NOT there' : known.deleted ? 'was deleted there' : 'is there'}`;
      }),
    };
  } finally {
    await Promise.allSettled([orthanc.close(), mlflow.close(), db.destroy()]);
  }
}

/** A part that does not answer is what someone may be looking for. */
async function inWords(ask: () => Promise<string>): Promise<string> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof AppError) return `${error.code}: ${error.message}`;
    throw error;
  }
}

function print({ run, lines, orthanc, mlflow }: Followed): void {
  for (const { time, part, level, message, more } of lines) {
    const words = Object.entries(more).map(([name, value]) => ` ${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
    process.stdout.write(`${time}  ${part.padEnd(7)}  ${level === 'info' ? '' : `${level.toUpperCase()} `}${message}${words.join('')}\n`);
  }
  if (lines.length === 0) process.stdout.write('No line of this machine\'s logs/cerebloom.log tells of it: it was rotated away, or another machine worked on it.\n');
  const stages = Object.entries(run.secondsPerStage).map(([stage, seconds]) => `${stage} ${seconds.toFixed(1)}`).join(', ');
  process.stdout.write(`\n${[
    ['run', `${run.state}${run.error ? ` ${run.error.code}: ${run.error.message}` : ''}${run.supersededBy ? `, superseded by ${run.supersededBy}` : ''}`],
    ['queued', run.queuedAt], ['started', run.startedAt ?? '–'], ['ended', run.finishedAt ?? '–'], ['attempts', String(run.attempts)],
    ['stages, s', stages || '–'], ['Orthanc', orthanc], ['MLflow', mlflow],
  ].map(([name, value]) => `${name!.padEnd(10)} ${value}`).join('\n')}\n`);
}

async function main(args: string[]): Promise<void> {
  const { values, positionals: [id] } = parse({ args, allowPositionals: true, options: { json: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h', default: false } } });
  if (values.help || id === undefined) {
    process.stdout.write(USAGE);
    return;
  }
  const followed = await follow(readConfig(process.env), id);
  if (values.json) process.stdout.write(`${JSON.stringify(followed, null, 2)}\n`);
  else print(followed);
}

await runCommand(main);
