import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { findBrainExtractor } from '../adapters/brain-extractor.ts';
import { findCases, fingerprintOf, readCase, type CaseFolder } from '../adapters/case-folder.ts';
import { EVALUATION_EXPERIMENT, MlflowClient } from '../adapters/mlflow-client.ts';
import { ModelStore } from '../adapters/model-store.ts';
import type { OnnxModel } from '../adapters/onnx-model.ts';
import { modelFolders, readConfig } from '../config.ts';
import { filesOf } from '../domain/manifest.ts';
import { AppError } from '../domain/errors.ts';
import { PIPELINE_VERSION } from '../domain/run.ts';
import { SEQUENCES, type Sequence } from '../domain/study.ts';
import { evaluateCase, labelsOf, observeCase, type CaseScore } from '../flow/evaluate-case.ts';
import { calibrationPicture } from '../flow/calibration-picture.ts';
import { evaluationPage, type Pictures } from '../flow/evaluation-page.ts';
import {
  compareReports, isScored, meanOf, REGION_NAMES, toCaseReport, type CaseReport, type FailedCase, type Report,
} from '../flow/evaluation-report.ts';
import { logEvaluation } from '../flow/log-evaluation.ts';
import type { BrainExtractor } from '../flow/ports.ts';
import type { StudyVolumes } from '../flow/register-volumes.ts';
import { DEGRADATIONS, type Degradation } from '../steps/degrade.ts';
import { drawResult } from '../steps/draw-result.ts';
import { fitCalibration, type CalibrationFigures, type Observation } from '../steps/fit-calibration.ts';
import { parse, runCommand, UsageError } from './run-command.ts';

const USAGE = `Segments labelled cases and compares with the truth.

  npm run evaluate -- --cases <folder> --out <report.json> [--model <id>[@<version>]] [--without t1ce,…]… [--against <report.json>] [--mlflow] [--fresh]
  npm run evaluate -- --cases <folder> --out <calibration.json> [--model <id>[@<version>]] --calibrate [--inputs <n>] [--pool <calibration.json>]…

--cases      one case, or a folder of them: <case>/{t1n,t1c,t2w,t2f,seg}.nii.gz (or .nii; <case>-t1n.nii.gz and the names
             t1, t1ce, t2, flair too); sequences may be missing, or empty; with --case <name> … only these of the folder
--out        the report, and beside it the same as a page (.html) with pictures; cases that an interrupted report of the
             same model already has are not run again
--without    leaves sequences out: t1, t1ce, t2, flair; given several times, the cases are run once for each, in a table
             ("none" leaves nothing out)
--against    another model's report on the same cases: differences with their intervals (paired bootstrap)
--mlflow     logs the means, the report and the page to MLflow (MLFLOW_URL), experiment ${EVALUATION_EXPERIMENT}
--fresh      runs every case again
--calibrate  degrades the cases in many ways and fits how the confidence follows from the answer; the calibration it writes
             goes into the manifest of a new version. Only cases that the model was not trained on (docs/confidence.md)
--inputs     with --calibrate: of each case only so many of the ways, drawn by its name; the case as it is is always one
--pool       with --calibrate: fits to what these files of other runs hold too (the other networks of a cross-validation, say);
             without --cases to these alone, in seconds
`;

interface Bench {
  readonly model: OnnxModel;
  readonly brainExtractor: BrainExtractor;
  readonly cases: readonly CaseFolder[];
}

async function main(args: string[]): Promise<void> {
  const { values } = argumentsOf(args);
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  if (!values.out) throw new UsageError('--out is missing');
  const pooled = (await Promise.all((values.pool ?? []).map(readObservations))).flat();
  if (values.calibrate && !values.cases && pooled.length > 0) return fit(pooled, [], '', values.out);
  if (!values.cases) throw new UsageError('--cases is missing');
  const inputs = values.inputs === undefined ? DEGRADATIONS.length : Number(values.inputs);
  if (!(Number.isInteger(inputs) && inputs > 0)) throw new UsageError(`--inputs ${values.inputs}: must be a whole number of 1 or more`);
  const subsets = (values.without ?? ['none']).map(toSequences);
  const config = readConfig(process.env);
  const cases = chosen(await findCases(values.cases), values.case);
  const against = values.against ? await readReport(values.against) : null;
  const model = await new ModelStore(modelFolders(config), config.INFERENCE_THREADS).load(values.model ?? config.DEFAULT_MODEL);
  const bench: Bench = { model, cases, brainExtractor: await findBrainExtractor(modelFolders(config), config.INFERENCE_THREADS) };
  try {
    if (values.calibrate) return await calibrate(bench, values.out, inputs, pooled);
    const report = await evaluate(bench, { subsets, out: values.out, folder: values.cases, fresh: values.fresh ?? false, against });
    const page = await evaluationPage(report, picturesIn(picturesFolder(values.out)));
    await writeWhole(values.out.replace(/(\.json)?$/, '.html'), page);
    if (values.mlflow) {
      const mlflow = new MlflowClient(config.MLFLOW_URL, EVALUATION_EXPERIMENT);
      process.stdout.write(`MLflow run ${await logEvaluation(mlflow, report, page, new Date())}\n`);
      await mlflow.close();
    }
    tell(report, values.out);
  } finally {
    await model.close();
  }
}

function argumentsOf(args: string[]) {
  return parse({
    args,
    options: {
      cases: { type: 'string' }, case: { type: 'string', multiple: true }, model: { type: 'string' }, out: { type: 'string' },
      without: { type: 'string', multiple: true }, against: { type: 'string' }, mlflow: { type: 'boolean' }, calibrate: { type: 'boolean' }, inputs: { type: 'string' }, pool: { type: 'string', multiple: true },
      fresh: { type: 'boolean' }, help: { type: 'boolean', short: 'h' },
    },
  });
}

function toSequences(text: string): Sequence[] {
  if (text === 'none') return [];
  return text.split(',').map(part => {
    const sequence = SEQUENCES.find(known => known === part.trim());
    if (!sequence) throw new UsageError(`--without ${text}: must be of ${SEQUENCES.join(', ')}`);
    return sequence;
  });
}

function chosen(cases: readonly CaseFolder[], names: readonly string[] | undefined): readonly CaseFolder[] {
  if (!names) return cases;
  const unknown = names.filter(name => !cases.some(one => one.name === name));
  if (unknown.length) throw new UsageError(`There is no case ${unknown.join(', ')}`);
  return cases.filter(({ name }) => names.includes(name));
}

interface Plan {
  readonly subsets: readonly (readonly Sequence[])[];
  readonly out: string;
  readonly folder: string;
  readonly fresh: boolean;
  readonly against: Report | null;
}

async function evaluate({ model, brainExtractor, cases }: Bench, { subsets, out, folder, fresh, against }: Plan): Promise<Report> {
  const { id, version, calibration } = model.manifest;
  const settings = createHash('sha256').update(JSON.stringify(
    [filesOf(model.manifest).map(({ sha256 }) => sha256), id, version, PIPELINE_VERSION, resolve(folder), brainExtractor.name])).digest('hex');
  const known = fresh ? null : await finishedIn(out, settings);
  const done = subsets.map((without): { without: readonly Sequence[]; cases: (CaseReport | FailedCase)[] } => ({ without, cases: [] }));
  const report = (): Report => {
    const [first, ...others] = done.map(subset => ({ ...subset, mean: meanOf(subset.cases.filter(isScored)) }));
    return {
      model: id, version, pipelineVersion: PIPELINE_VERSION, settings, ...first!, subsets: others,
      comparison: against && compareReports(first!.cases, against),
    };
  };
  const clock = new Clock(subsets.length * cases.length);
  for (const [at, subset] of done.entries()) {
    for (const one of cases) {
      const files = await fingerprintOf(one).catch(() => ''); // a case that can't be read is told of below
      const before = known?.find(({ without }) => without.join() === subset.without.join())?.cases.find(finished => finished.id === one.name && finished.files === files);
      if (before) {
        clock.skip();
        subset.cases.push(before);
        continue;
      }
      const label = clock.label(`${one.name}${subset.without.length ? ` without ${subset.without.join(', ')}` : ''}`);
      const outcome = await attempt(one.name, async () => {
        const given = await readCase(one, subset.without);
        const score = await evaluateCase({ ...given, model, brainExtractor, onProgress: progress => tick(label, progress) });
        if (at === 0) await keepPictures(picturesFolder(out), one.name, given, score);
        return toCaseReport(one.name, files, score, calibration);
      });
      subset.cases.push(outcome);
      await writeWhole(out, `${JSON.stringify(report(), null, 2)}\n`);
      process.stderr.write(`\r${label}  ${summary(outcome)}${clock.left()}\n`);
    }
  }
  await writeWhole(out, `${JSON.stringify(report(), null, 2)}\n`);
  return report();
}

/** Counts what was run and says how long the rest will take. */
class Clock {
  readonly #begin = performance.now();
  readonly #total: number;
  #at = 0;
  #run = 0;

  constructor(total: number) {
    this.#total = total;
  }

  skip(): void {
    this.#at++;
  }

  label(name: string): string {
    this.#run++;
    return `[${++this.#at}/${this.#total}] ${name}`;
  }

  left(): string {
    const seconds = ((performance.now() - this.#begin) / 1000 / this.#run) * (this.#total - this.#at);
    return seconds > 0 ? `; about ${Math.ceil(seconds)} s left` : '';
  }
}

async function attempt(id: string, run: () => Promise<CaseReport>): Promise<CaseReport | FailedCase> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof AppError) return { id, error: { code: error.code, message: error.message } };
    // The other cases go on whatever happens to one.
    process.stderr.write(`\n${error instanceof Error ? error.stack : String(error)}\n`);
    return { id, error: { code: 'UNEXPECTED', message: error instanceof Error ? error.message : String(error) } };
  }
}

const picturesFolder = (out: string): string => out.replace(/(\.json)?$/, '.pictures');

/** Of every case, because which are best and worst is known at the end only, perhaps of another run. */
async function keepPictures(folder: string, id: string, { volumes, truth }: { volumes: StudyVolumes; truth: CaseScoreTruth }, { found, reference }: CaseScore): Promise<void> {
  await mkdir(folder, { recursive: true });
  const image = volumes.flair ?? volumes[reference]!;
  const isTrue = { geometry: truth.geometry, labels: labelsOf(truth) };
  const where = isTrue.labels.some(label => label > 0) ? isTrue : found;
  await writeFile(join(folder, `${id}.found.png`), drawResult(found, { image }, where));
  await writeFile(join(folder, `${id}.truth.png`), drawResult(isTrue, { image }, where));
}
type CaseScoreTruth = Awaited<ReturnType<typeof readCase>>['truth'];

const picturesIn = (folder: string): Pictures => async id => {
  try {
    return { found: await readFile(join(folder, `${id}.found.png`)), truth: await readFile(join(folder, `${id}.truth.png`)) };
  } catch {
    return null; // A report from before pictures were kept, or they were removed.
  }
};

/** What a file of `--calibrate` holds. */
interface Observations {
  readonly settings: string;
  readonly observations: Observation[];
}

/** Resumes from its own file as `evaluate` does. */
async function calibrate({ model, brainExtractor, cases }: Bench, out: string, inputs: number, pooled: readonly Observation[]): Promise<void> {
  const { manifest } = model;
  const trained = cases.filter(({ name }) => manifest.training.cases.includes(name));
  if (trained.length) throw new UsageError(`${manifest.id} ${manifest.version} was trained on ${trained.map(({ name }) => name).join(', ')}: name others with --case`);
  const settings = JSON.stringify([OBSERVED, filesOf(manifest).map(({ sha256 }) => sha256), manifest.flips, PIPELINE_VERSION, brainExtractor.name]);
  const before = await readJson<Observations>(out);
  const observations = before?.settings === settings ? before.observations : [];
  const plan = cases.flatMap(one => degradationsFor(one.name, inputs).map(degradation => ({ one, degradation })));
  const clock = new Clock(plan.length);
  let given: { readonly of: CaseFolder; readonly read: Awaited<ReturnType<typeof readCase>> } | undefined;
  for (const { one, degradation } of plan) {
    if (observations.some(known => known.case === one.name && known.input === degradation.name)) {
      clock.skip();
      continue;
    }
    const label = clock.label(`${one.name}, ${degradation.name}`);
    if (given?.of !== one) given = { of: one, read: await readCase(one) };
    const observation = await observeCase(one.name, degradation, { ...given.read, model, brainExtractor, onProgress: progress => tick(label, progress) });
    observations.push(observation);
    await writeWhole(out, `${JSON.stringify({ settings, observations })}\n`);
    process.stderr.write(`\r${label}  Dice ${figure(observation.dice.wt)}, expected ${figure(observation.seen.own.regions.wt)}${clock.left()}\n`);
  }
  const named = observations.filter(one => plan.some(({ one: { name }, degradation }) => name === one.case && degradation.name === one.input));
  if (new Set([...named, ...pooled].map(one => one.case)).size < 2) {
    process.stdout.write(`A calibration needs two cases at least: pool this file, ${out}, with others (--pool)\n`);
    return;
  }
  await fit([...named, ...pooled], observations, settings, out);
}

/** Raised when observations come to hold something else. */
const OBSERVED = 3;

/** @param kept what the file goes on to hold of its own. */
async function fit(observations: readonly Observation[], kept: readonly Observation[], settings: string, out: string): Promise<void> {
  const { calibration, figures } = fitCalibration(observations);
  await writeWhole(out, `${JSON.stringify({ settings, calibration, figures, observations: kept })}\n`);
  await writeWhole(out.replace(/(\.json)?$/, '.svg'), calibrationPicture(figures));
  process.stdout.write(`${inWords(figures)}\n"calibration": ${JSON.stringify(calibration)}\n\nPut this into the manifest of a new version; everything is in ${out}\n`);
}

/** The case as it is, and others drawn by its name: the same each time, other ones for other cases. */
function degradationsFor(name: string, count: number): readonly Degradation[] {
  const [asItIs, ...others] = DEGRADATIONS;
  const rank = (degradation: Degradation) => createHash('sha256').update(`${name} ${degradation.name}`).digest('hex');
  return [asItIs!, ...others.sort((a, b) => rank(a).localeCompare(rank(b))).slice(0, count - 1)];
}

async function readObservations(path: string): Promise<Observation[]> {
  const file = await readJson<Observations>(path);
  if (!Array.isArray(file?.observations) || file.observations.length === 0 || !file.settings.startsWith(`[${OBSERVED},`)) throw new UsageError(`--pool ${path}: holds no observations of --calibrate by this version`);
  return file.observations;
}

function inWords({ inputs, rankCorrelation, meanAbsoluteError, voxelError, coverage, predictions }: CalibrationFigures): string {
  const kinds = [...Map.groupBy(predictions, one => one.kind)].map(([kind, ones]) => {
    const mean = (of: (one: (typeof ones)[number]) => number) => figure(ones.reduce((sum, one) => sum + of(one), 0) / ones.length, 2);
    return `  ${kind.padEnd(14)} Dice ${mean(one => one.dice)}  predicted ${mean(one => one.predicted)}  by the network ${mean(one => one.before)}  (${ones.length})\n`;
  });
  return `Each case predicted by the others, ${inputs} inputs, whole tumour:\n`
    + `  rank correlation with the true Dice ${figure(rankCorrelation.after)} (the network's own ${figure(rankCorrelation.before)})\n`
    + `  mean absolute error ${figure(meanAbsoluteError.after)} (${figure(meanAbsoluteError.before)})\n`
    + `  voxels around the tumour, calibration error ${REGION_NAMES.map(region => `${region.toUpperCase()} ${figure(voxelError[region].after)} (${figure(voxelError[region].before)})`).join(', ')}\n`
    + `    each case by itself, mean over the cases ${REGION_NAMES.map(region => `${region.toUpperCase()} ${figure(voxelError[region].ofCases.after)} (${figure(voxelError[region].ofCases.before)})`).join(', ')}\n`
    + `  true volume within its interval: ${Math.round(100 * coverage)} %\n${kinds.join('')}`;
}

async function readReport(path: string): Promise<Report> {
  const report = await readJson<Report>(path);
  if (!report || !Array.isArray(report.cases)) throw new UsageError(`--against ${path}: is no report of this command`);
  return report;
}

/** What an interrupted report has, by the sequences left out. */
async function finishedIn(path: string, settings: string): Promise<{ without: readonly Sequence[]; cases: CaseReport[] }[] | null> {
  const report = await readJson<Report>(path);
  if (report?.settings !== settings) return null;
  return [report, ...report.subsets].map(({ without, cases }) => ({ without, cases: cases.filter(isScored) }));
}

async function readJson<T>(path: string): Promise<T | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T;
  } catch {
    return null; // None yet, or not one of ours.
  }
}

async function writeWhole(path: string, text: string): Promise<void> {
  await writeFile(`${path}.part`, text);
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

function tell(report: Report, out: string): void {
  const { model, version, subsets, comparison } = report;
  for (const { without, mean } of [report, ...subsets]) {
    if (!mean) continue;
    const rows = REGION_NAMES.map(region => `  ${region.toUpperCase()}  Dice ${figure(mean.dice[region])}  HD95 ${figure(mean.hd95Mm[region], 1)} mm  `
      + `volume error ${figure(mean.volumeErrorMl[region], 1)} mL (absolute ${figure(mean.absoluteVolumeErrorMl[region], 1)})\n`);
    process.stdout.write(`${model} ${version} on ${mean.cases} cases${without.length ? ` without ${without.join(', ')}` : ''}, mean:\n${rows.join('')}  confidence ${figure(mean.confidence)}, ${figure(mean.seconds, 1)} s a case\n`);
  }
  if (comparison) {
    const rows = REGION_NAMES.map(region => {
      const { mean, low, high } = comparison.dice[region] ?? { mean: NaN, low: NaN, high: NaN };
      return `  ${region.toUpperCase()}  Dice ${mean > 0 ? '+' : ''}${mean.toFixed(3)} (95 %: ${low.toFixed(3)} … ${high.toFixed(3)})\n`;
    });
    process.stdout.write(`Against ${comparison.model} ${comparison.version} on ${comparison.cases} cases that both have:\n${rows.join('')}`);
  }
  const all = [report, ...subsets].flatMap(({ cases }) => cases);
  const failed = all.filter(one => !isScored(one)).length;
  process.stdout.write(`${failed ? `${failed} of ${all.length} cases could not be segmented; the report says why.\n` : ''}Report: ${out}\n`);
  if (failed > 0) process.exitCode = 1;
}

await runCommand(main);
