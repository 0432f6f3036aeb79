import { readSlices } from '../dicom/read-instance.ts';
import { furtherIdentity, type ResultOrigin } from '../dicom/result-attributes.ts';
import { readSourceHeader } from '../dicom/source-header.ts';
import { writeReport } from '../dicom/write-report.ts';
import { writeSegmentation } from '../dicom/write-segmentation.ts';
import { GeometryError, SeriesMissingError } from '../domain/errors.ts';
import { identityOf } from '../domain/identity.ts';
import type { StageSeconds } from '../domain/progress.ts';
import type { LabelMap } from '../domain/label-map.ts';
import type { DicomFile, Measurements, OnProgress, SegmentationResult, SegOn, Stage, StoredResult } from '../domain/run.ts';
import { SEQUENCES, SEQUENCE_NAMES, type Sequence, type Series, type SeriesSelection, type Study } from '../domain/study.ts';
import type { SliceSource } from '../domain/slice.ts';
import type { SeriesUid, StudyUid } from '../domain/uid.ts';
import type { Mask } from '../domain/volume.ts';
import { implausibilityOf } from '../steps/evidence.ts';
import { foregroundOf } from '../steps/brain-mask.ts';
import { buildVolume, type BuiltVolume } from '../steps/build-volume.ts';
import { selectSeries, withNextBest } from '../steps/select-series.ts';
import type { BrainExtractor, Registration, ResultStore, StudySource, TumourModel } from './ports.ts';
import { prepareVolumes, segmentPrepared, type Incomplete } from './segment-volumes.ts';
import { writeUncertainty } from './write-uncertainty.ts';
import { isUnproven, settled, whichIsEnhanced } from './settle-contrast.ts';

export interface SegmentDeps {
  readonly source: StudySource;
  readonly model: TumourModel;
  readonly brainExtractor: BrainExtractor;
  readonly registration: Registration;
  /** Stages come in the order of `STAGES`. */
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal | undefined;
}

export interface SegmentRequest {
  readonly studyUid: StudyUid;
  /** The reader's choice of series; the others are identified. */
  readonly overrides?: Partial<Record<Sequence, SeriesUid>> | undefined;
  /** Instead of identifying: a run that was identified earlier keeps its series though others have arrived. */
  readonly selection?: SeriesSelection | undefined;
  readonly segOn?: SegOn | undefined;
  /** `refuse` where absent. */
  readonly incomplete?: Incomplete | undefined;
}

/** A study with its results in DICOM. */
export interface SegmentedStudy {
  readonly result: SegmentationResult;
  readonly identity: string;
  readonly referenceSeriesUid: SeriesUid;
  readonly brain: Mask;
  /** The brain extractor's name, or that the study came without skull. */
  readonly brainFoundBy: string;
  /** SEG and SR, then the SEGs on other series. */
  readonly files: readonly DicomFile[];
  readonly stored: StoredResult;
  readonly seconds: StageSeconds;
  /** InstanceNumber (0020,0013) of the image on which the diameters lie; null where there are none, or the image has no number. */
  readonly diametersImage: number | null;
  /** How unlike those of a head the images are; 0 is typical (`implausibilityOf`). */
  readonly implausible: number;
}

/**
 * From a study to its stored SEG and SR.
 * @throws StudyNotFoundError, NotMrError, SeriesMissingError, GeometryError, PixelDataError, AlignmentError, BrainNotFoundError, ModelError,
 *   UpstreamError; the signal's reason when aborted.
 */
export async function segmentStudy({ store, ...deps }: SegmentDeps & { readonly store: ResultStore }, request: SegmentRequest): Promise<SegmentedStudy> {
  const computed = await computeStudy(deps, request);
  const clock = new StageClock(computed.seconds);
  deps.onProgress?.('store', 0);
  await clock.time('store', () => store.store(computed.files));
  return { ...computed, seconds: clock.seconds };
}

/** All of `segmentStudy` but storing, for callers that first keep the files safe. */
export async function computeStudy(
  { source, model, brainExtractor, registration, onProgress = () => {}, signal }: SegmentDeps, { studyUid, overrides, selection: known, segOn = 'reference', incomplete = 'refuse' }: SegmentRequest,
): Promise<SegmentedStudy> {
  const clock = new StageClock();
  const requires = incomplete === 'refuse' ? model.manifest.requires : [];
  onProgress('fetch', 0);
  const study = await clock.time('fetch', () => source.findStudy(studyUid));
  const first = known ?? await clock.time('identify', () => selectSeries(study, requires, overrides));
  const wanted = model.manifest.channels.filter(sequence => study.series.some(({ uid }) => uid === first.used[sequence]));
  if (!wanted.length) throw nothingToSee(model.manifest.channels, first);
  const identity = identityOf(study, first.used, model.manifest);

  const read = await readVolumes({ source, study, selection: first, wanted, clock, onProgress, signal });
  const asked = read.selection;
  let images = read.images;
  const options = (of: StudyImages) => ({
    volumes: mapValues(of, ({ built }) => built.volume), model, brainExtractor, incomplete,
    alignment: { registration, frames: mapValues(of, ({ header }) => header.frameOfReferenceUid) },
    onEach: segOn === 'all', onProgress: clock.following(onProgress), ...(signal && { signal }),
  });
  let prepared = await prepareVolumes(options(images));
  const selection = isUnproven(asked) ? settled(asked, whichIsEnhanced(prepared), requires.includes('t1ce')) : asked;
  if (selection.used.t1ce !== asked.used.t1ce) {
    images = inTheirRoles(images, selection.used);
    prepared = await prepareVolumes(options(images));
  }
  const { further, reference, brainFoundBy, labelMap, uncertainty, measurements, confidence, seen, missing, withheldMl } = await segmentPrepared(prepared, options(images));
  clock.stop();
  signal?.throwIfAborted();

  onProgress('write', 0);
  const result: SegmentationResult = { labelMap, measurements, confidence, missing, withheldMl, selection };
  const { header, built: { sources } } = images[reference]!;
  const origin: ResultOrigin = {
    identity, header, sources, model: model.manifest, missing: result.missing, withheld: withheldMl !== null, brainFoundBy, contrastByPixels: selection.contrastByPixels, used: mapValues(images, image => image.header.seriesUid),
  };
  const [seg, sr, others] = await clock.time('write', () => [
    { ...writeSegmentation(result.labelMap, origin), attachment: writeUncertainty(uncertainty, sources) }, writeReport(result, origin), writeFurther(further, images, origin),
  ] as const);
  return {
    result, identity, files: [seg, sr, ...others], brainFoundBy, referenceSeriesUid: header.seriesUid, brain: prepared.extracted ?? foregroundOf([images[reference]!.built.volume]), seconds: clock.seconds, implausible: implausibilityOf(seen.input),
    diametersImage: imageNumberOf(study, sources, measurements),
    stored: {
      studyUid, segSeriesUid: seg.seriesUid, segInstanceUid: seg.sopInstanceUid, srSeriesUid: sr.seriesUid, srInstanceUid: sr.sopInstanceUid,
      alsoOn: others.map(({ on, seriesUid, sopInstanceUid }) => ({ sequence: on, seriesUid: images[on]!.header.seriesUid, segSeriesUid: seriesUid, segInstanceUid: sopInstanceUid })),
    },
  };
}

/** A model that requires no sequence in particular still can't run on none. */
function nothingToSee(channels: readonly Sequence[], { identities }: SeriesSelection): SeriesMissingError {
  const kinds = Map.groupBy(identities, ({ kind }) => kind);
  return new SeriesMissingError(channels.map(sequence => SEQUENCE_NAMES[sequence]), [...kinds].map(([kind, { length }]) => `${length} ${kind}`).join(', '));
}

function imageNumberOf({ series }: Study, sources: readonly SliceSource[], { enhancingDiameters }: Measurements): number | null {
  const source = enhancingDiameters && sources[enhancingDiameters.slice];
  return series.flatMap(({ instances }) => instances).find(({ uid }) => uid === source?.instanceUid)?.instanceNumber ?? null;
}

interface SeriesImages {
  readonly built: BuiltVolume;
  readonly header: ResultOrigin['header'];
}
type StudyImages = Partial<Record<Sequence, SeriesImages>>;

interface Reading {
  readonly source: StudySource;
  readonly study: Study;
  readonly selection: SeriesSelection;
  readonly wanted: readonly Sequence[];
  readonly clock: StageClock;
  readonly onProgress: OnProgress;
  readonly signal: AbortSignal | undefined;
}

/**
 * Reads the series one by one; while one is decoded, the files of the next are on their way. Where one turns out to be no volume (slices
 * missing, in several directions) the next best of its kind is read instead.
 */
async function readVolumes({ source, study, selection: first, wanted, clock, onProgress, signal }: Reading): Promise<{ images: StudyImages; selection: SeriesSelection }> {
  const seriesOf = ({ used }: SeriesSelection, sequence: Sequence) => study.series.find(({ uid }) => uid === used[sequence])!;
  const total = wanted.reduce((sum, sequence) => sum + seriesOf(first, sequence).instances.length, 0);
  let files = 0;
  const fetch = (series: Series) => {
    const fetching = source.fetchSeries(series, () => onProgress('fetch', Math.min(1, ++files / total)), signal);
    fetching.catch(() => {}); // where decoding the series before fails first, nobody waits for this one
    return fetching;
  };
  const images: StudyImages = {};
  let selection = first;
  let coming = fetch(seriesOf(selection, wanted[0]!));
  for (const [at, sequence] of wanted.entries()) {
    const unfit = new Map<SeriesUid, string>();
    let bytes = await clock.time('fetch', () => coming);
    const next = wanted[at + 1];
    if (next) coming = fetch(seriesOf(selection, next));
    while (!images[sequence]) {
      try {
        images[sequence] = await clock.time('decode', () => decodeSeries(bytes));
      } catch (cause) {
        if (!(cause instanceof GeometryError)) throw cause;
        const other = withNextBest(study, selection, sequence, unfit.set(selection.used[sequence]!, cause.message));
        if (!other) throw cause;
        selection = other;
        bytes = await clock.time('fetch', () => fetch(seriesOf(other, sequence)));
      }
      signal?.throwIfAborted();
    }
    selection = noteLeftOut(selection, sequence, images[sequence]!.built.leftOut);
  }
  onProgress('decode', 1);
  return { images, selection };
}

function noteLeftOut(selection: SeriesSelection, sequence: Sequence, leftOut: number): SeriesSelection {
  if (leftOut === 0) return selection;
  const note = `${leftOut} of its images ${leftOut === 1 ? 'is' : 'are'} no part of the volume (repeated, or of another kind)`;
  return { ...selection, identities: selection.identities.map(identity => (identity.uid === selection.used[sequence] ? { ...identity, reasons: [...identity.reasons, note] } : identity)) };
}

/** The volume of a series and what results take over from its images. */
export async function decodeSeries(files: readonly Uint8Array[]): Promise<SeriesImages> {
  const slices = [];
  for (const file of files) slices.push(...await readSlices(file));
  return { built: buildVolume(slices), header: readSourceHeader(files[0]!) };
}

function inTheirRoles(images: StudyImages, used: SeriesSelection['used']): StudyImages {
  const all = Object.values(images);
  return mapValues(used, uid => all.find(({ header }) => header.seriesUid === uid)!);
}

/** @param of the segmentation on the reference. */
const writeFurther = (further: Partial<Record<Sequence, LabelMap>>, images: StudyImages, of: ResultOrigin) =>
  SEQUENCES.flatMap(on => {
    const labelMap = further[on];
    if (!labelMap) return [];
    const { header, built: { sources } } = images[on]!;
    return [{ ...writeSegmentation(labelMap, { ...of, header, sources, on, identity: furtherIdentity(of.identity, on) }), on }];
  });

const mapValues = <From, To>(of: Partial<Record<Sequence, From>>, map: (value: From) => To): Partial<Record<Sequence, To>> =>
  Object.fromEntries(SEQUENCES.filter(sequence => of[sequence] !== undefined).map(sequence => [sequence, map(of[sequence]!)]));

/** Adds up the seconds of each stage. */
class StageClock {
  readonly seconds: StageSeconds = {};
  private stage: Stage | null = null;
  private since = 0;

  constructor(before: StageSeconds = {}) {
    Object.assign(this.seconds, before);
  }

  async time<T>(stage: Stage, work: () => T | Promise<T>): Promise<T> {
    const begin = performance.now();
    try {
      return await work();
    } finally {
      this.add(stage, begin);
    }
  }

  /** Passes progress on; a stage lasts from its first word to that of the next. */
  following(onProgress: OnProgress): OnProgress {
    return (stage, progress) => {
      if (stage !== this.stage) {
        this.stop();
        this.stage = stage;
        this.since = performance.now();
      }
      onProgress(stage, progress);
    };
  }

  stop(): void {
    if (this.stage) this.add(this.stage, this.since);
    this.stage = null;
  }

  private add(stage: Stage, begin: number): void {
    this.seconds[stage] = (this.seconds[stage] ?? 0) + (performance.now() - begin) / 1000;
  }
}
