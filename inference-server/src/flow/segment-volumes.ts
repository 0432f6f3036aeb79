import { BrainNotFoundError, SeriesMissingError } from '../domain/errors.ts';
import { sameGrid, type VolumeGeometry } from '../domain/geometry.ts';
import type { LabelMap } from '../domain/label-map.ts';
import type { Manifest } from '../domain/manifest.ts';
import type { TumourProbabilities } from '../domain/probabilities.ts';
import type { Confidence, Measurements, OnProgress } from '../domain/run.ts';
import { SEQUENCE_NAMES, SEQUENCES, type Sequence } from '../domain/study.ts';
import type { Mask, Volume } from '../domain/volume.ts';
import { foregroundOf, isSkullStripped, resampleMask } from '../steps/brain-mask.ts';
import { calibratedConfidence, type Seen } from '../steps/calibrated-confidence.ts';
import { clipExtremes } from '../steps/clip-extremes.ts';
import { confidenceOf } from '../steps/confidence.ts';
import { inputEvidence } from '../steps/evidence.ts';
import { measure } from '../steps/measure.ts';
import { boxInView, boxOfNonZero, fitsModel, modelGridAround, unionOfBoxes, viewAlong } from '../steps/model-grid.ts';
import { scalingOf } from '../steps/normalise.ts';
import { resample } from '../steps/resample.ts';
import { uncertaintyOf } from '../steps/uncertainty.ts';
import { toLabelMap } from '../steps/to-label-map.ts';
import { inferTumour } from './infer-tumour.ts';
import type { BrainExtractor, TumourModel } from './ports.ts';
import { registerToReference, type Alignment, type StudyVolumes } from './register-volumes.ts';

/** The series whose grid the result is on: the first of these that the study has. */
const REFERENCE_ORDER: readonly Sequence[] = ['t1ce', 't1', 'flair', 't2'];
/** Around the brain's box, so that its rim is interpolated from both sides. */
const MARGIN_MM = 4;

/**
 * A study without a sequence that the model requires: `refuse` it, as a patient's; `withhold` an answer that can't be relied on;
 * `show` whatever the model answers, to learn from it (then all is looked at that a confidence can rest on).
 */
export type Incomplete = 'refuse' | 'withhold' | 'show';

/**
 * Below this expected Dice nothing of the answer can be relied on: of 96 inputs of 24 gliomas, as they were and spoilt, five lay
 * below. In four the answer met nothing of the truth; the fifth had all sequences and a Dice of 0.54, so that an answer to all
 * that the model requires is shown with its doubts.
 */
const LEAST_EXPECTED_DICE = 0.25;

interface Options {
  /** In patient space; not modified. */
  readonly volumes: StudyVolumes;
  readonly model: TumourModel;
  readonly brainExtractor: BrainExtractor;
  /** Absent for volumes that are known to lie on each other, as labelled cases do. */
  readonly alignment?: Alignment;
  /** `refuse` where absent. */
  readonly incomplete?: Incomplete | undefined;
  /** Labels every volume, not the reference alone. */
  readonly onEach?: boolean;
  /** Told of the stages `register`, `extract-brain` and `infer`. */
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
}

export interface VolumesResult {
  /** On the native grid of the reference series. */
  readonly labelMap: LabelMap;
  /** With `onEach`: on the native grid of each other volume. */
  readonly further: Partial<Record<Sequence, LabelMap>>;
  readonly measurements: Measurements;
  /** Levels of uncertainty, on the same grid. */
  readonly uncertainty: LabelMap;
  readonly confidence: Confidence;
  readonly probabilities: TumourProbabilities;
  /** What the confidence rests on. */
  readonly seen: Seen;
  /** Sequences that the model knows and the study lacks. */
  readonly missing: readonly Sequence[];
  readonly reference: Sequence;
  /** Volume of an answer that is not shown because nothing of it can be relied on, mL; null where it is shown. */
  readonly withheldMl: number | null;
  /** What found the brain: the extractor's name, or that the study came without skull. */
  readonly brainFoundBy: string;
}

export const ALREADY_STRIPPED = 'already skull-stripped';

/** Which of the sequences is the reference. @throws SeriesMissingError where there is none. */
export function referenceOf(volumes: StudyVolumes): Sequence {
  const reference = REFERENCE_ORDER.find(sequence => volumes[sequence]);
  if (!reference) throw new SeriesMissingError(SEQUENCES.map(sequence => SEQUENCE_NAMES[sequence]), 'no volume');
  return reference;
}

/** A study's volumes on each other, with the brain found. */
export interface PreparedVolumes {
  /** As they came. */
  readonly volumes: StudyVolumes;
  /** Where alignment put them. */
  readonly registered: StudyVolumes;
  readonly reference: Sequence;
  /** On the reference's grid; null where the study came without skull. */
  readonly extracted: Mask | null;
}

/**
 * From the volumes of a study to the labelled tumour: register, find the brain, scale, run the model, label, measure.
 * @throws SeriesMissingError, AlignmentError, FlatVolumeError, BrainNotFoundError, ModelError; the signal's reason when aborted.
 */
export async function segmentVolumes(options: Options): Promise<VolumesResult> {
  return segmentPrepared(await prepareVolumes(options), options);
}

/** The first half: register and find the brain. @throws as `segmentVolumes` does. */
export async function prepareVolumes({ volumes: given, model: { manifest }, brainExtractor, alignment, incomplete = 'refuse', onProgress = () => {}, signal }: Options): Promise<PreparedVolumes> {
  const volumes: StudyVolumes = Object.fromEntries(Object.entries(given).map(([sequence, volume]) => [sequence, clipExtremes(volume)]));
  const required = lackingOf(volumes, manifest);
  const present = manifest.channels.filter(sequence => volumes[sequence]).map(sequence => SEQUENCE_NAMES[sequence]);
  if (required.length > 0 && incomplete === 'refuse') throw new SeriesMissingError(required.map(sequence => SEQUENCE_NAMES[sequence]), present.join(', '));

  onProgress('register', 0);
  const reference = referenceOf(volumes);
  const stripped = isSkullStripped(Object.values(volumes));
  const registered = alignment ? await registerToReference(volumes, reference, { ...alignment, stripped }, share => onProgress('register', share), signal) : volumes;
  signal?.throwIfAborted();

  onProgress('extract-brain', 0);
  return { volumes, registered, reference, extracted: stripped ? null : await brainExtractor.extract(registered[reference]!, signal) };
}

/** What the model requires and the study lacks. */
const lackingOf = (volumes: StudyVolumes, manifest: Manifest): Sequence[] => missingOf(volumes, manifest).filter(sequence => manifest.requires.includes(sequence));
const missingOf = (volumes: StudyVolumes, { channels }: Manifest): Sequence[] => channels.filter(sequence => !volumes[sequence]);

/** The second half: scale, run the model, label, measure. @throws as `segmentVolumes` does. */
export async function segmentPrepared(
  { volumes, registered, reference, extracted }: PreparedVolumes, { model, brainExtractor, incomplete, onEach = false, onProgress = () => {}, signal }: Options,
): Promise<VolumesResult> {
  const { manifest } = model;
  const stripped = extracted === null;
  const head = registered[reference]!;
  const { grid, onGrid, brain } = toWorkGrid(registered, head.geometry, extracted, manifest);
  signal?.throwIfAborted();

  onProgress('infer', 0);
  const box = boxOfNonZero(brain.voxels, grid);
  if (!box) throw new BrainNotFoundError();
  const view = viewAlong(grid, manifest.axes);
  const viewBox = boxInView(box, grid, view);
  const visible = stripped ? null : brain.voxels;
  const input = inputEvidence(onGrid, reference, view, manifest.axes, viewBox, brain.voxels);
  const { probabilities, agreement, members } = await inferTumour({
    model, view, brain: brain.voxels, headVisible: !stripped, signal,
    channels: manifest.channels.map(sequence => {
      const voxels = onGrid[sequence]?.voxels;
      return voxels ? { voxels, scaling: scalingOf(voxels, grid.shape, box, visible, manifest.normalisation) } : null;
    }),
    box: viewBox, compare: { mirrored: incomplete === 'show' || weighs(manifest, 'agreement'), networks: incomplete === 'show' || weighs(manifest, 'members') },
    onProgress: progress => onProgress('infer', progress),
  });
  const labelled = (of: TumourProbabilities) => {
    const labelMap = toLabelMap(of, head.geometry, manifest.axes);
    return { labelMap, measurements: measure(labelMap) };
  };
  const answer = labelled(probabilities);
  const missing = missingOf(volumes, manifest);
  const seen = {
    own: confidenceOf(probabilities, brain), agreement, members, measurements: answer.measurements, missing, input,
  };
  const confidence = calibratedConfidence(seen, manifest.calibration);
  const withheld = incomplete === 'withhold' && lackingOf(volumes, manifest).length > 0 && isUnreliable(confidence);
  const shown = withheld ? { ...probabilities, values: new Float32Array(probabilities.values.length) } : probabilities;
  return {
    ...(withheld ? labelled(shown) : answer), uncertainty: uncertaintyOf(shown, head.geometry, manifest.axes, manifest.calibration?.voxels.wt), further: onEach ? labelOthers(volumes, registered, reference, shown, manifest.axes) : {},
    withheldMl: withheld ? answer.measurements.volumesMl.total : null,
    confidence: withheld ? { overall: confidence.overall, regions: { wt: null, tc: null, et: null }, calibrated: true } : confidence,
    probabilities, seen, missing, reference, brainFoundBy: stripped ? ALREADY_STRIPPED : brainExtractor.name,
  };
}

/** Whether the confidence rests on such evidence at all. */
const weighs = ({ calibration }: Manifest, term: 'agreement' | 'members'): boolean => calibration !== undefined && Object.values(calibration.dice).some(formula => formula[term] > 0);

const isUnreliable = ({ overall, calibrated = false, regions }: Confidence): boolean => calibrated && regions.wt !== null && overall < LEAST_EXPECTED_DICE;

/** Labels at the voxels of the other volumes: looked up where alignment put them, laid on the grids that they came with. */
function labelOthers(volumes: StudyVolumes, registered: StudyVolumes, reference: Sequence, probabilities: TumourProbabilities, axes: Manifest['axes']) {
  const further: Partial<Record<Sequence, LabelMap>> = {};
  for (const sequence of SEQUENCES) {
    const volume = volumes[sequence];
    if (!volume || sequence === reference) continue;
    further[sequence] = { geometry: volume.geometry, labels: toLabelMap(probabilities, registered[sequence]!.geometry, axes).labels };
  }
  return further;
}

/**
 * The volumes and the brain on the one grid that the model reads from: the reference's own where the model can read it as it is
 * (then nothing is interpolated or copied that lies on it), else the model's grid around the brain.
 */
function toWorkGrid(registered: StudyVolumes, reference: VolumeGeometry, extracted: Mask | null, manifest: Manifest) {
  const grid = fitsModel(reference, manifest) ? reference : gridAround(registered, reference, extracted, manifest);
  const onto = (volume: Volume) => (sameGrid(volume.geometry, grid) ? volume : resample(volume, grid));
  const onGrid: StudyVolumes = {};
  for (const sequence of manifest.channels) if (registered[sequence]) onGrid[sequence] = onto(registered[sequence]);
  const brain = extracted ? resampleMask(extracted, grid) : foregroundOf(Object.values(onGrid));
  return { grid, onGrid, brain };
}

function gridAround(registered: StudyVolumes, reference: VolumeGeometry, extracted: Mask | null, manifest: Manifest): VolumeGeometry {
  const seen = extracted ?? Object.values(registered).find(volume => volume.geometry === reference)!;
  const box = unionOfBoxes([boxOfNonZero(seen.voxels, reference)].filter(found => found !== null));
  if (!box) throw new BrainNotFoundError();
  return modelGridAround(reference, box, manifest, MARGIN_MM);
}
