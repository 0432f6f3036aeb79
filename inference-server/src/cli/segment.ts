import { constants } from 'node:fs';
import { access, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findBrainExtractor } from '../adapters/brain-extractor.ts';
import { DicomFolder, ResultFolder } from '../adapters/dicom-folder.ts';
import { ElastixRegistration } from '../adapters/elastix-registration.ts';
import { ModelStore } from '../adapters/model-store.ts';
import { ConfigError, modelFolders, readConfig } from '../config.ts';
import { CONTRAST_IN_WORDS } from '../dicom/result-attributes.ts';
import { AppError, PixelDataError, STUDY_ERROR_STATUS } from '../domain/errors.ts';
import { lesionsInShort } from '../domain/lesions.ts';
import { overallProgress } from '../domain/progress.ts';
import { PIPELINE_VERSION, SEG_ON, type OnProgress, type SegOn } from '../domain/run.ts';
import { SEQUENCE_NAMES, SEQUENCES, type Sequence } from '../domain/study.ts';
import { parseUid, type SeriesUid, type StudyUid } from '../domain/uid.ts';
import { segmentStudy, type SegmentedStudy } from '../flow/segment-study.ts';
import { parse, UsageError } from './run-command.ts';

const USAGE = `Segments the brain tumour of a study that lies in a folder.

  npm run segment -- <dicom folder> --out <folder>

writes seg.dcm (DICOM segmentation), sr.dcm (measurements) and report.json into the --out folder.

  --model <id>[@<version>]   instead of the default model; npm run models -- list shows what there is
  --study <uid>              which study, where the folder holds several
  --t1 <uid>  --t1ce <uid>  --t2 <uid>  --flair <uid>
                             takes this series, whatever it looks like
  --seg-on all               also one segmentation on each other series: seg-t2.dcm …
  --incomplete               goes on without sequences that the model requires: it was not made for
                             that, so this is for trying and not for care;
                             an answer that can't be relied on is withheld
  --json                     prints the report, or the error, as JSON
  --help

Exit code: 0 done, 2 the study can't be segmented (it says why), 1 anything else.
Not a medical device: a reader must check every result.
`;

/** What scripts may rely on; no patient data. */
function reportOf({ result, referenceSeriesUid, stored, brainFoundBy, seconds }: SegmentedStudy, model: { id: string; version: string }, ignoredFiles: number) {
  const { volumesMl, enhancingDiameters } = result.measurements;
  return {
    series: result.selection.used,
    because: Object.fromEntries(result.selection.identities.filter(({ used }) => used).map(({ kind, reasons }) => [kind, reasons.join('; ')])),
    notUsed: result.selection.identities.filter(({ used }) => !used).map(({ uid, kind, reasons }) => ({ uid, kind, reason: reasons.join('; ') })),
    missing: result.missing,
    withheldCm3: result.withheldMl,
    ...(result.selection.contrastByPixels && { contrastByPixels: result.selection.contrastByPixels }),
    model: model.id,
    version: model.version,
    pipelineVersion: PIPELINE_VERSION,
    confidence: result.confidence.overall,
    confidenceCalibrated: result.confidence.calibrated ?? false,
    volumeIntervalCm3: result.confidence.totalMl ?? null,
    lesions: lesionsInShort(result.measurements.lesionsMl),
    segmentConfidence: result.confidence.regions,
    volumesCm3: { total: volumesMl.total, necrotic: volumesMl.necrotic, edema: volumesMl.edema, enhancing: volumesMl.enhancing },
    enhancingDiametersMm: enhancingDiameters && { longest: enhancingDiameters.longestMm, perpendicular: enhancingDiameters.perpendicularMm },
    referenceSeriesUid,
    segmentation: stored,
    brainFoundBy,
    ignoredFiles,
    seconds,
  };
}
type Report = ReturnType<typeof reportOf>;

function argumentsOf(args: string[]) {
  const uid = { type: 'string' } as const;
  return parse({
    args, allowPositionals: true,
    options: {
      out: uid, model: uid, study: uid, t1: uid, t1ce: uid, t2: uid, flair: uid, 'seg-on': uid, incomplete: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h', default: false },
    },
  });
}

async function main({ values, positionals }: ReturnType<typeof argumentsOf>, signal: AbortSignal): Promise<void> {
  const [input, ...rest] = positionals;
  if (!input) throw new UsageError('Which folder? Give the folder of the DICOM files');
  if (rest.length) throw new UsageError(`Unexpected ${rest.join(' ')}`);
  if (!values.out) throw new UsageError('Where to? Give --out <folder>');
  const segOn = values['seg-on'] ?? 'reference';
  if (!isSegOn(segOn)) throw new UsageError(`--seg-on is ${SEG_ON.join(' or ')}`);
  const config = readConfig(process.env);
  const source = await openFolder(input);
  const studyUid = chooseStudy(source, values.study);
  await makeFolder(values.out); // before minutes of computing, not after
  const folders = modelFolders(config);
  const model = await new ModelStore(folders, config.INFERENCE_THREADS).load(values.model ?? config.DEFAULT_MODEL);
  const progress = process.stderr.isTTY ? showProgress() : undefined;
  try {
    const segmented = await segmentStudy({
      source, store: new ResultFolder(values.out), model, brainExtractor: await findBrainExtractor(folders, config.INFERENCE_THREADS),
      registration: new ElastixRegistration(), signal, ...(progress && { onProgress: progress.show }),
    }, { studyUid, overrides: overridesOf(values), segOn, incomplete: values.incomplete ? 'withhold' : 'refuse' });
    const report = reportOf(segmented, model.manifest, source.ignoredFiles);
    await writeFile(join(values.out, 'report.json'), `${JSON.stringify(report, null, 2)}\n`);
    progress?.clear();
    process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : inWords(report, values.out));
  } finally {
    progress?.clear();
    await model.close();
  }
}

const isSegOn = (text: string): text is SegOn => (SEG_ON as readonly string[]).includes(text);

async function openFolder(path: string): Promise<DicomFolder> {
  try {
    return await DicomFolder.open(path);
  } catch (cause) {
    if (cause instanceof AppError || !(cause instanceof Error) || !('code' in cause)) throw cause;
    throw new UsageError(`The folder ${path} can't be read (${String(cause.code)})`, { cause });
  }
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
    await access(path, constants.W_OK);
  } catch (cause) {
    throw new UsageError(`The folder ${path} can't be written to (${String((cause as NodeJS.ErrnoException).code)})`, { cause });
  }
}

function chooseStudy({ studyUids, ignoredFiles }: DicomFolder, asked: string | undefined): StudyUid {
  if (asked !== undefined) return parseUid('study', asked);
  const [only, ...others] = studyUids;
  if (!only) throw new PixelDataError('NOT_DICOM', `The folder has no DICOM images (${ignoredFiles} other ${ignoredFiles === 1 ? 'file' : 'files'})`);
  if (others.length) throw new UsageError(`The folder holds ${studyUids.length} studies; choose one with --study:\n${studyUids.map(uid => `  ${uid}\n`).join('')}`);
  return only;
}

const overridesOf = (values: Partial<Record<Sequence, string | undefined>>): Partial<Record<Sequence, SeriesUid>> =>
  Object.fromEntries(SEQUENCES.flatMap(sequence => (values[sequence] === undefined ? [] : [[sequence, parseUid('series', values[sequence])]])));

/** One line on the terminal that is written over. */
function showProgress(): { show: OnProgress; clear: () => void } {
  let shown = '';
  const write = (line: string) => {
    if (line === shown) return;
    process.stderr.write(`\r\x1b[2K${line}`);
    shown = line;
  };
  return {
    show: (stage, progress) => write(`${String(Math.round(100 * overallProgress(stage, progress))).padStart(3)} %  ${stage}`),
    clear: () => { if (shown) write(''); },
  };
}

function inWords({ withheldCm3, contrastByPixels, volumesCm3, volumeIntervalCm3, lesions, confidenceCalibrated, enhancingDiametersMm, confidence, series, missing, model, version, seconds }: Report, out: string): string {
  const ml = (volume: number) => `${volume.toFixed(1)} mL`.padStart(10);
  const total = Object.values(seconds).reduce((sum, s) => sum + s, 0);
  const diameters = enhancingDiametersMm && `Enhancing tumour measures ${enhancingDiametersMm.longest.toFixed(0)} × ${enhancingDiametersMm.perpendicular.toFixed(0)} mm`;
  return [
    ...(withheldCm3 === null ? [] : [`Nothing is marked: the model's answer (${withheldCm3.toFixed(1)} mL) can't be relied on without the sequences that it requires. This does not mean that there is no tumour`]),
    `Whole tumour     ${ml(volumesCm3.total)}${volumeIntervalCm3 ? `  (probably between ${volumeIntervalCm3.low.toFixed(1)} and ${volumeIntervalCm3.high.toFixed(1)} mL)` : ''}`, `  Enhancing      ${ml(volumesCm3.enhancing)}`,
    `  Necrotic core  ${ml(volumesCm3.necrotic)}`, `  Oedema         ${ml(volumesCm3.edema)}`,
    ...(diameters ? [diameters] : []),
    ...(lesions.count > 1 ? [`In ${lesions.count} pieces${lesions.small.count ? `, ${lesions.small.count} of them under 1 mL (together ${lesions.small.totalMl.toFixed(2)} mL)` : ''}`] : []),
    `Expected Dice ${confidence.toFixed(2)}${confidenceCalibrated ? '' : ' (not calibrated)'}, by ${model} ${version} from ${SEQUENCES.filter(sequence => series[sequence]).map(sequence => SEQUENCE_NAMES[sequence]).join(', ')}`,
    ...(missing.length ? [`Without ${missing.map(sequence => SEQUENCE_NAMES[sequence]).join(', ')}: the result is less certain`] : []),
    ...(contrastByPixels && contrastByPixels !== 'confirmed' ? [`${CONTRAST_IN_WORDS[contrastByPixels]}: check which series has contrast`] : []),
    `seg.dcm, sr.dcm and report.json are in ${out} (${total.toFixed(0)} s)`, '',
  ].join('\n');
}

/** @returns the exit code. */
function answerFailure(error: unknown, json: boolean): number {
  const known = error instanceof AppError ? error : null;
  if (!known && !(error instanceof UsageError) && !(error instanceof ConfigError)) throw error;
  const { message } = error as Error;
  const cause = known?.cause instanceof Error ? ` (${known.cause.message})` : '';
  if (json) process.stdout.write(`${JSON.stringify({ error: { code: known?.code ?? 'USAGE', message } })}\n`);
  process.stderr.write(`${known ? `${known.code}: ` : ''}${message}${cause}\n`);
  return known?.httpStatus === STUDY_ERROR_STATUS ? 2 : 1;
}

const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
let json = false;
try {
  const parsed = argumentsOf(process.argv.slice(2));
  json = parsed.values.json;
  if (parsed.values.help) process.stdout.write(USAGE);
  else await main(parsed, stopping.signal);
} catch (error) {
  process.exitCode = stopping.signal.aborted ? 130 : answerFailure(error, json);
}
