import { createHash } from 'node:crypto';
import { readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { findBrainExtractor } from '../adapters/brain-extractor.ts';
import { ModelStore } from '../adapters/model-store.ts';
import { readNifti } from '../adapters/nifti-file.ts';
import { ConfigError, modelFolders, readConfig } from '../config.ts';
import { AppError } from '../domain/errors.ts';
import type { Region } from '../domain/label-map.ts';
import { PIPELINE_VERSION } from '../domain/run.ts';
import { SEQUENCES, type Sequence } from '../domain/study.ts';
import { evaluateCase, type CaseScore } from '../flow/evaluate-case.ts';
import type { StudyVolumes } from '../flow/register-volumes.ts';

const USAGE = `Segments labelled cases and compares with the truth.

  npm run evaluate -- --cases <folder> --out <report.json> [--model <id>[@<version>]] [--without t1ce,…] [--fresh]

--cases    one case, or a folder of them: <case>/{t1n,t1c,t2w,t2f,seg}.nii.gz (or .nii; as in <case>-t1n.nii.gz too);
           sequences may be missing
--out      the report; cases that an interrupted report of the same model already has are not run again
--without  leaves sequences out: t1, t1ce, t2, flair
--fresh    runs every case again
`;

const FILES: Record<Sequence, string> = { t1: 't1n', t1ce: 't1c', t2: 't2w', flair: 't2f' };
const TRUTH = 'seg';
const REGION_NAMES: readonly Region[] = ['wt', 'tc', 'et'];

type PerRegion<T> = Record<Region, T>;
interface CaseReport {
  readonly id: string;
  /** Names, sizes and times of its files; a case whose files changed is run again. */
  readonly files: string;
  readonly dice: PerRegion<number | null>;
  readonly hd95Mm: PerRegion<number | null>;
  /** Answer minus truth; for a region that the truth lacks this is its false volume. */
  readonly volumeErrorMl: PerRegion<number>;
  readonly truthMl: PerRegion<number>;
  readonly confidence: number;
  readonly regionConfidence: PerRegion<number | null>;
  readonly missing: readonly Sequence[];
  readonly brainFoundBy: string;
  readonly seconds: number;
}

interface FailedCase {
  readonly id: string;
  readonly error: { readonly code: string; readonly message: string };
}

interface Report {
  readonly model: string;
  readonly version: string;
  readonly pipelineVersion: string;
  /** What the cases were run with; a report of other settings is not resumed. */
  readonly settings: string;
  readonly cases: readonly (CaseReport | FailedCase)[];
  readonly mean: ReturnType<typeof meanOf> | null;
}

class UsageError extends Error {
  override readonly name = 'UsageError';
}

async function main(args: string[]): Promise<void> {
  const { values } = parse(args);
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  if (!values.cases) throw new UsageError('--cases is missing');
  if (!values.out) throw new UsageError('--out is missing');
  const without = (values.without?.split(',') ?? []).map(asSequence);
  const config = readConfig(process.env);
  const folders = await casesIn(values.cases);
  const model = await new ModelStore(modelFolders(config), config.INFERENCE_THREADS).load(values.model ?? config.DEFAULT_MODEL);
  const brainExtractor = await findBrainExtractor(modelFolders(config), config.INFERENCE_THREADS);
  const { id, version, sha256 } = model.manifest;
  const settings = createHash('sha256').update(JSON.stringify([sha256, PIPELINE_VERSION, resolve(values.cases), without, brainExtractor.name])).digest('hex');

  const known = values.fresh ? [] : await finishedIn(values.out, settings);
  const cases: (CaseReport | FailedCase)[] = [];
  const write = () => writeReport(values.out!, { model: id, version, pipelineVersion: PIPELINE_VERSION, settings, cases, mean: meanOf(cases.filter(isScored)) });
  const begin = performance.now();
  let run = 0;
  for (const [index, { name, folder }] of folders.entries()) {
    const files = await fingerprint(folder);
    const before = known.find(finished => finished.id === name && finished.files === files);
    if (before) {
      cases.push(before);
      continue;
    }
    const label = `[${index + 1}/${folders.length}] ${name}`;
    const outcome = await attempt(name, async () => {
      const { volumes, truth } = await readCase(folder, without);
      return toReport(name, files, await evaluateCase({ volumes, truth, model, brainExtractor, onProgress: progress => tick(label, progress) }));
    });
    cases.push(outcome);
    await write();
    run++;
    const left = ((performance.now() - begin) / 1000 / run) * (folders.length - index - 1);
    process.stderr.write(`\r${label}  ${summary(outcome)}${left > 0 ? `; about ${Math.ceil(left)} s left` : ''}\n`);
  }
  await write();
  await model.close();
  const failed = cases.filter(one => !isScored(one)).length;
  process.stdout.write(`${table(id, version, cases.filter(isScored))}${failed ? `${failed} of ${cases.length} cases could not be segmented; the report says why.\n` : ''}Report: ${values.out}\n`);
  if (failed > 0) process.exitCode = 1;
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        cases: { type: 'string' }, model: { type: 'string' }, out: { type: 'string' }, without: { type: 'string' },
        fresh: { type: 'boolean' }, help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (cause) {
    throw new UsageError((cause as Error).message);
  }
}

function asSequence(text: string): Sequence {
  const sequence = SEQUENCES.find(known => known === text.trim());
  if (!sequence) throw new UsageError(`--without ${text}: must be of ${SEQUENCES.join(', ')}`);
  return sequence;
}

async function casesIn(folder: string): Promise<{ name: string; folder: string }[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: NodeJS.ErrnoException) => {
    throw new UsageError(`${folder} can't be read (${cause.code})`);
  });
  if (entries.some(entry => isTruth(entry.name))) return [{ name: resolve(folder).split(/[\\/]/).at(-1)!, folder }];
  const cases: { name: string; folder: string }[] = [];
  for (const entry of entries) {
    const inside = join(folder, entry.name);
    const names = await readdir(inside).catch(() => []);
    if (names.some(isTruth)) cases.push({ name: entry.name, folder: inside });
  }
  if (cases.length === 0) throw new UsageError(`${folder} has no case: a folder with ${TRUTH}.nii.gz and ${Object.values(FILES).join(', ')}`);
  return cases.sort((a, b) => a.name.localeCompare(b.name));
}

/** `t1n.nii.gz`, or as BraTS names it `<case>-t1n.nii.gz`. */
const isFileOf = (stem: string, name: string): boolean => new RegExp(`(^|[-_])${stem}\\.nii(\\.gz)?$`).test(name);
const isTruth = (name: string): boolean => isFileOf(TRUTH, name);

async function fingerprint(folder: string): Promise<string> {
  const files = await Promise.all((await readdir(folder)).sort().map(async name => {
    const { size, mtimeMs } = await stat(join(folder, name));
    return [name, size, mtimeMs];
  }));
  return createHash('sha256').update(JSON.stringify(files)).digest('hex').slice(0, 16);
}

async function readCase(folder: string, without: readonly Sequence[]): Promise<{ volumes: StudyVolumes; truth: Awaited<ReturnType<typeof readNifti>> }> {
  const names = await readdir(folder);
  const read = async (stem: string) => {
    const found = names.filter(name => isFileOf(stem, name));
    if (found.length > 1) throw new UsageError(`${folder} has several files for ${stem}: ${found.join(', ')}`);
    return found[0] ? readNifti(join(folder, found[0])) : undefined;
  };
  const volumes: StudyVolumes = {};
  for (const sequence of SEQUENCES) {
    const volume = without.includes(sequence) ? undefined : await read(FILES[sequence]);
    if (volume) volumes[sequence] = volume;
  }
  return { volumes, truth: (await read(TRUTH))! };
}

async function attempt(id: string, run: () => Promise<CaseReport>): Promise<CaseReport | FailedCase> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { id, error: { code: error.code, message: error.message } };
  }
}

const isScored = (one: CaseReport | FailedCase): one is CaseReport => 'dice' in one;

function toReport(id: string, files: string, { scores, confidence, missing, brainFoundBy, seconds }: CaseScore): CaseReport {
  const each = <T>(value: (region: Region) => T): PerRegion<T> => ({ wt: value('wt'), tc: value('tc'), et: value('et') });
  return {
    id, files, dice: each(region => scores[region].dice), hd95Mm: each(region => scores[region].hd95Mm),
    volumeErrorMl: each(region => scores[region].volumeErrorMl), truthMl: each(region => scores[region].truthMl),
    confidence: confidence.overall, regionConfidence: confidence.regions, missing, brainFoundBy, seconds,
  };
}

/** Means over the cases that have a figure; null where none has. */
function meanOf(cases: readonly CaseReport[]) {
  if (cases.length === 0) return null;
  const mean = (values: readonly (number | null)[]) => {
    const present = values.filter(value => value !== null);
    return present.length === 0 ? null : present.reduce((sum, value) => sum + value, 0) / present.length;
  };
  const each = (of: (one: CaseReport, region: Region) => number | null): PerRegion<number | null> => ({
    wt: mean(cases.map(one => of(one, 'wt'))), tc: mean(cases.map(one => of(one, 'tc'))), et: mean(cases.map(one => of(one, 'et'))),
  });
  return {
    cases: cases.length,
    dice: each((one, region) => one.dice[region]), hd95Mm: each((one, region) => one.hd95Mm[region]),
    volumeErrorMl: each((one, region) => one.volumeErrorMl[region]),
    absoluteVolumeErrorMl: each((one, region) => Math.abs(one.volumeErrorMl[region])),
    /** Of the regions that the truth lacks. */
    falseVolumeMl: each((one, region) => (one.dice[region] === null ? one.volumeErrorMl[region] : null)),
    confidence: mean(cases.map(one => one.confidence)),
    /** Confidence minus Dice of the whole tumour: how far the one is off as a prediction of the other. */
    calibration: {
      meanError: mean(cases.map(one => (one.dice.wt === null ? null : one.confidence - one.dice.wt))),
      meanAbsoluteError: mean(cases.map(one => (one.dice.wt === null ? null : Math.abs(one.confidence - one.dice.wt)))),
      rankCorrelation: spearman(cases.filter(one => one.dice.wt !== null).map(one => [one.confidence, one.dice.wt!])),
    },
    seconds: mean(cases.map(one => one.seconds)),
  };
}

/** Spearman's rank correlation, ties sharing their mean rank; null with fewer than three pairs or no variation. */
function spearman(pairs: readonly (readonly [number, number])[]): number | null {
  if (pairs.length < 3) return null;
  const ranks = (values: readonly number[]) => values.map(value =>
    values.filter(other => other < value).length + (values.filter(other => other === value).length - 1) / 2);
  const [x, y] = [ranks(pairs.map(([a]) => a)), ranks(pairs.map(([, b]) => b))];
  const middle = (pairs.length - 1) / 2;
  const covariance = (a: readonly number[], b: readonly number[]) => a.reduce((sum, value, index) => sum + (value - middle) * (b[index]! - middle), 0);
  const scale = Math.sqrt(covariance(x, x) * covariance(y, y));
  return scale === 0 ? null : covariance(x, y) / scale;
}

async function finishedIn(path: string, settings: string): Promise<CaseReport[]> {
  try {
    const report = JSON.parse(await readFile(path, 'utf8')) as Report;
    return report.settings === settings ? report.cases.filter(isScored) : [];
  } catch {
    return []; // No report yet, or not one of ours: everything is run.
  }
}

async function writeReport(path: string, report: Report): Promise<void> {
  await writeFile(`${path}.part`, `${JSON.stringify(report, null, 2)}\n`);
  await rename(`${path}.part`, path);
}

const tick = (label: string, progress: number): void => {
  if (process.stderr.isTTY) process.stderr.write(`\r${label}  ${Math.round(progress * 100)} %   `);
};

const figure = (value: number | null, digits = 3): string => (value === null ? '–' : value.toFixed(digits));

function summary(outcome: CaseReport | FailedCase): string {
  if (!isScored(outcome)) return `${outcome.error.code}: ${outcome.error.message}`;
  const { dice, confidence, seconds } = outcome;
  return `Dice WT ${figure(dice.wt)} TC ${figure(dice.tc)} ET ${figure(dice.et)}, confidence ${figure(confidence)}, ${seconds.toFixed(1)} s`;
}

function table(id: string, version: string, cases: readonly CaseReport[]): string {
  const mean = meanOf(cases);
  if (!mean) return '';
  const rows = REGION_NAMES.map(region => `  ${region.toUpperCase()}  Dice ${figure(mean.dice[region])}  HD95 ${figure(mean.hd95Mm[region], 1)} mm  `
    + `volume error ${figure(mean.volumeErrorMl[region], 1)} mL (absolute ${figure(mean.absoluteVolumeErrorMl[region], 1)})\n`);
  return `${id} ${version} on ${mean.cases} cases, mean:\n${rows.join('')}  confidence ${figure(mean.confidence)}, ${figure(mean.seconds, 1)} s a case\n`;
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError || error instanceof ConfigError || error instanceof AppError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
