/**
 * A process that computes runs as the worker's does, so that its memory is its own: told `run`, it takes the study
 * from Orthanc and leaves SEG and SR there, the picture for MLflow included.
 */
import { findBrainExtractor } from '../../inference-server/src/adapters/brain-extractor.ts';
import { ElastixRegistration } from '../../inference-server/src/adapters/elastix-registration.ts';
import { parseManifest } from '../../inference-server/src/adapters/model-store.ts';
import { OnnxModel } from '../../inference-server/src/adapters/onnx-model.ts';
import { modelFolders, readConfig } from '../../inference-server/src/config.ts';
import { openModels, openOrthanc } from '../../inference-server/src/context.ts';
import type { StageSeconds } from '../../inference-server/src/domain/progress.ts';
import type { StudyUid } from '../../inference-server/src/domain/uid.ts';
import { segmentStudy } from '../../inference-server/src/flow/segment-study.ts';
import { drawResult } from '../../inference-server/src/steps/draw-result.ts';
import { readFileSync } from 'node:fs';

export interface RunTime {
  readonly seconds: number;
  /** Within ONNX Runtime's own `run` of the tumour model. */
  readonly onnxSeconds: number;
  readonly stages: StageSeconds;
  /** Most memory that the process ever held. */
  readonly peakGiB: number;
}

const [studyUid, manifestFile, modelFile] = process.argv.slice(2) as [StudyUid, string | undefined, string | undefined];
const config = readConfig(process.env);
const orthanc = openOrthanc(config, config.ORTHANC_PATIENCE_MS);
const brainExtractor = await findBrainExtractor(modelFolders(config), config.INFERENCE_THREADS);
const registration = new ElastixRegistration();
const model = manifestFile && modelFile
  ? await OnnxModel.open(parseManifest(readFileSync(manifestFile, 'utf8'), manifestFile), [readFileSync(modelFile)], config.INFERENCE_THREADS)
  : await openModels(config).load(config.DEFAULT_MODEL);

process.on('message', async () => {
  try {
    model.runSeconds = 0;
    const begin = performance.now();
    const { result, brain, seconds: stages } = await segmentStudy({ source: orthanc, store: orthanc, model, brainExtractor, registration }, { studyUid });
    drawResult(result.labelMap, { outlineOf: brain });
    const time: RunTime = { seconds: (performance.now() - begin) / 1000, onnxSeconds: model.runSeconds, stages, peakGiB: process.resourceUsage().maxRSS / 2 ** 20 };
    process.send!(time);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  }
});
process.send!('ready');
