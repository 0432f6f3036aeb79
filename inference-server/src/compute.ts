import { constants, setPriority } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import { findBrainExtractor } from './adapters/brain-extractor.ts';
import { ElastixRegistration } from './adapters/elastix-registration.ts';
import { openLog } from './adapters/logger.ts';
import type { OnnxModel } from './adapters/onnx-model.ts';
import { PendingResults } from './adapters/pending-results.ts';
import { modelFolders, readConfig } from './config.ts';
import { openModels, openOrthanc, pendingFolder } from './context.ts';
import { OUT_OF_MEMORY_EXIT, type ComputeEnd, type ComputeJob, type ComputeProgress } from './contract/compute.ts';
import { AppError, diskFull, isDiskFull, isOutOfMemory, UpstreamError } from './domain/errors.ts';
import { midpoint } from './domain/geometry.ts';
import { workOf } from './domain/identity.ts';
import type { SegOn } from './domain/run.ts';
import { lesionsInShort } from './domain/lesions.ts';
import { computeStudy, type SegmentedStudy } from './flow/segment-study.ts';
import { storeResult } from './flow/store-result.ts';
import type { SeriesUid } from './domain/uid.ts';
import { drawResult } from './steps/draw-result.ts';

/** The process that computes: one job at a time, the model stays loaded in between. Its keeper restarts it when it dies. */
const config = readConfig(process.env);
const log = openLog({ home: config.CEREBLOOM_HOME, level: config.LOG_LEVEL, part: 'compute', rotates: false });
const orthanc = openOrthanc(config, config.ORTHANC_PATIENCE_MS);
const models = openModels(config);
const pending = new PendingResults<Omit<Completed, 'picture'>>(pendingFolder(config));
type Completed = Extract<ComputeEnd, { kind: 'completed' }>;

// on processors that they share, the gateway and Orthanc come first: somebody waits for their answers
setPriority(constants.priority.PRIORITY_BELOW_NORMAL);

let loaded: OnnxModel | undefined;

/** The file is checked for every run: a model that was damaged or replaced must not go on from memory. */
async function loadModel(reference: string): Promise<OnnxModel> {
  const stored = await models.find(reference);
  const bytes = await models.read(stored);
  if (loaded && isDeepStrictEqual(loaded.manifest, stored.manifest)) return loaded;
  await loaded?.close();
  loaded = undefined;
  loaded = await models.open(stored, bytes);
  return loaded;
}

async function compute(job: ComputeJob, tell: (progress: ComputeProgress) => void): Promise<ComputeEnd> {
  let kept = await pending.find(job.identity);
  if (!kept) {
    const segmented = await computeStudy({
      source: orthanc, model: await loadModel(job.model), brainExtractor: await findBrainExtractor(modelFolders(config), config.INFERENCE_THREADS),
      registration: new ElastixRegistration(), onProgress: (stage, within) => tell({ kind: 'progress', stage, within }),
    }, { studyUid: job.studyUid, selection: job.selection, segOn: job.segOn });
    const { result, brain } = segmented;
    kept = { files: [...segmented.files], picture: drawResult(result.labelMap, { outlineOf: brain }), answer: toCompleted(segmented, job.segOn) };
    await pending.keep(job.identity, kept);
  }
  tell({ kind: 'progress', stage: 'store', within: 0 });
  const begin = performance.now();
  await storeResult(orthanc, kept.answer.result.referenceSeriesUid as SeriesUid, kept.files);
  log.info({ runId: job.runId, files: kept.files.length, milliseconds: Math.round(performance.now() - begin) }, 'Orthanc has the results');
  await pending.remove(job.identity);
  return { ...kept.answer, picture: kept.picture, secondsPerStage: { ...kept.answer.secondsPerStage, store: (performance.now() - begin) / 1000 } };
}

function toCompleted({ result, stored, referenceSeriesUid, seconds, identity, brainFoundBy, diametersImage, implausible }: SegmentedStudy, segOn: SegOn): Omit<Completed, 'picture'> {
  const { volumesMl, enhancingDiameters } = result.measurements;
  return {
    kind: 'completed', identity: workOf(identity, segOn), selection: result.selection, secondsPerStage: seconds,
    result: {
      segSeriesUid: stored.segSeriesUid, segInstanceUid: stored.segInstanceUid, srSeriesUid: stored.srSeriesUid, srInstanceUid: stored.srInstanceUid,
      referenceSeriesUid, volumesMl: { total: volumesMl.total, necrotic: volumesMl.necrotic, edema: volumesMl.edema, enhancing: volumesMl.enhancing },
      enhancingDiametersMm: enhancingDiameters && {
        longest: enhancingDiameters.longestMm, perpendicular: enhancingDiameters.perpendicularMm, centre: [...midpoint(...enhancingDiameters.longestEndsMm)],
        ...(diametersImage !== null && { imageNumber: diametersImage }),
      },
      lesions: lesionsInShort(result.measurements.lesionsMl), confidenceCalibrated: result.confidence.calibrated ?? false,
      ...(result.confidence.totalMl && { volumeIntervalMl: result.confidence.totalMl }),
      confidence: result.confidence.overall, segmentConfidence: result.confidence.regions, missing: [...result.missing], brainFoundBy, implausible,
      ...(result.selection.contrastByPixels && { contrastByPixels: result.selection.contrastByPixels }),
      ...(stored.alsoOn.length > 0 && { alsoOn: [...stored.alsoOn] }),
    },
  };
}

async function toEnd(error: unknown, { runId, identity }: ComputeJob): Promise<ComputeEnd> {
  if (error instanceof UpstreamError) {
    const resultKept = await pending.find(identity) !== undefined;
    // what is computed is not given up because Orthanc refuses it, or takes a part: its disk may be full for a while
    if (resultKept || error.code === 'ORTHANC_UNAVAILABLE') return { kind: 'unavailable', code: error.code, reason: error.message, resultKept };
  }
  if (isDiskFull(error)) {
    log.error({ runId }, 'the disk is full');
    return { kind: 'unavailable', code: 'DISK_FULL', reason: diskFull(error).message, resultKept: false };
  }
  if (isOutOfMemory(error)) {
    log.error({ runId, err: error }, 'there is no more memory');
    process.exit(OUT_OF_MEMORY_EXIT);
  }
  const known = error instanceof AppError;
  log[known ? 'info' : 'error']({ runId, err: error }, 'the computation failed');
  return {
    kind: 'failed', secondsPerStage: {},
    error: known ? { code: error.code, message: error.message } : { code: 'INTERNAL', message: 'Something went wrong that should not have; the log tells more' },
  };
}

process.on('message', (job: ComputeJob) => {
  const tell = (message: ComputeProgress | ComputeEnd) => process.send?.(message);
  compute(job, tell).catch((error: unknown) => toEnd(error, job)).then(tell);
});
// without its keeper nobody would hear the answer, and the lease would run out
process.on('disconnect', () => process.exit(0));
// the terminal's Ctrl-C is for the keeper, which gives the run back and then ends this process
process.on('SIGINT', () => {});
