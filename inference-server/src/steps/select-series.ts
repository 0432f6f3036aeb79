import { AppError, NotMrError, SeriesMissingError, STUDY_ERROR_STATUS } from '../domain/errors.ts';
import { cross, dot, norm, type Vec3 } from '../domain/geometry.ts';
import {
  SEQUENCES, SEQUENCE_NAMES, type Sequence, type Series, type SeriesIdentity, type SeriesSelection, type Study,
} from '../domain/study.ts';
import type { SeriesUid } from '../domain/uid.ts';
import { identifySeries, type Look } from './identify-series.ts';

export class SeriesNotInStudyError extends AppError {
  override readonly name = 'SeriesNotInStudyError';
  readonly code = 'SERIES_NOT_IN_STUDY';
  readonly httpStatus = STUDY_ERROR_STATUS;
  constructor(sequence: Sequence) {
    super(`The series chosen for ${SEQUENCE_NAMES[sequence]} is not an MR series of this study`);
  }
}

interface Candidate { readonly series: Series; readonly kind: SeriesIdentity['kind']; readonly look: Look; readonly reasons: readonly string[] }

/**
 * Which series of a study are T1, T1ce, T2 and FLAIR, and what every other one is.
 * @param requires sequences without which the run must not go on.
 * @param overrides the reader's own choice, taken before anything identified.
 * @throws NotMrError, SeriesMissingError, SeriesNotInStudyError
 */
export function selectSeries(study: Study, requires: readonly Sequence[], overrides: Partial<Record<Sequence, SeriesUid>> = {}): SeriesSelection {
  const modalities = [...new Set(study.series.map(series => series.attributes.modality))];
  if (!modalities.includes('MR')) throw new NotMrError(modalities);
  const candidates = tellContrast(study.series.map(series => ({ series, look: identifySeries(series) })));
  const used: Partial<Record<Sequence, SeriesUid>> = {};
  const why = new Map<SeriesUid, string>();
  for (const [sequence, uid] of Object.entries(overrides) as [Sequence, SeriesUid][]) {
    const chosen = study.series.find(series => series.uid === uid && series.attributes.modality === 'MR');
    if (!chosen) throw new SeriesNotInStudyError(sequence);
    used[sequence] = uid;
    why.set(uid, `chosen by hand for ${SEQUENCE_NAMES[sequence]}`);
  }
  for (const sequence of SEQUENCES) {
    if (used[sequence]) continue;
    const ranked = candidates.filter(c => c.kind === sequence && !why.has(c.series.uid)).sort((x, y) => preference(x, y, candidates));
    const [best, ...others] = ranked;
    if (!best) continue;
    used[sequence] = best.series.uid;
    if (others.length) why.set(best.series.uid, `preferred to ${others.length} other ${SEQUENCE_NAMES[sequence]} series (3-D, thinner slices and full coverage first)`);
  }
  const chosen = new Map(Object.entries(used).map(([sequence, uid]) => [uid, sequence as Sequence]));
  const identities = candidates.map(({ series, kind, look, reasons }): SeriesIdentity => ({
    uid: series.uid,
    kind: chosen.get(series.uid) ?? kind,
    confidence: look.confidence,
    reasons: why.has(series.uid) ? [...reasons, why.get(series.uid)!] : reasons,
    used: chosen.has(series.uid),
  }));
  const missing = requires.filter(sequence => !used[sequence]);
  if (missing.length) throw new SeriesMissingError(missing.map(sequence => SEQUENCE_NAMES[sequence]), inWords(identities));
  return { used, identities };
}

/**
 * Splits T1 into T1 and T1ce: by agent tag and names; where a T1 says nothing, by the order of acquisition:
 * the same protocol twice, or a later T1 after one that is native, is the one with contrast.
 */
function tellContrast(looks: readonly { series: Series; look: Look }[]): Candidate[] {
  const t1 = looks.filter(({ look }) => look.kind === 't1').sort((x, y) => order(x.series).localeCompare(order(y.series)));
  const known = (contrast: Look['contrast']) => t1.filter(({ look }) => look.contrast === contrast);
  const [withAgent, native] = [known('yes'), known('no')];
  const decided = new Map<SeriesUid, { kind: 't1' | 't1ce'; reason: string }>();
  for (const { series } of withAgent) {
    decided.set(series.uid, { kind: 't1ce', reason: series.attributes.contrastBolusAgent ? 'contrast agent in its header' : 'named as taken after contrast' });
  }
  for (const { series } of native) decided.set(series.uid, { kind: 't1', reason: 'named as taken without contrast' });
  const firstWithAgent = withAgent[0] && order(withAgent[0].series);
  for (const { series } of known('unsaid')) {
    const earlierTwin = t1.find(other => other.series !== series && sameProtocol(other.series, series) && order(other.series) < order(series)
      && decided.get(other.series.uid)?.kind !== 't1ce');
    if (firstWithAgent !== undefined) {
      const after = order(series) > firstWithAgent;
      decided.set(series.uid, after
        ? { kind: 't1ce', reason: 'taken after a series with contrast' }
        : { kind: 't1', reason: 'no contrast agent, taken before the series with contrast' });
    } else if (earlierTwin) {
      decided.set(series.uid, { kind: 't1ce', reason: 'no contrast tag: the later of two T1 series of the same protocol' });
    } else {
      decided.set(series.uid, { kind: 't1', reason: 'no contrast agent in its header' });
    }
  }
  return looks.map(({ series, look }) => {
    const t1Kind = decided.get(series.uid);
    return { series, look, kind: t1Kind?.kind ?? look.kind, reasons: t1Kind ? [...look.reasons, t1Kind.reason] : look.reasons };
  });
}

/** Sortable: acquisition time, then series number. */
const order = ({ attributes: a }: Series): string => `${a.acquisitionTime.padEnd(13, '0')} ${String(a.seriesNumber ?? 0).padStart(8, '0')}`;

const sameProtocol = ({ attributes: a }: Series, { attributes: b }: Series): boolean =>
  a.echoTimeMs === b.echoTimeMs && a.repetitionTimeMs === b.repetitionTimeMs && a.inversionTimeMs === b.inversionTimeMs
  && a.rows === b.rows && a.columns === b.columns && a.mrAcquisitionType === b.mrAcquisitionType;

/** Negative where x is the better one: original, covers the brain, 3-D, thin, before contrast (T2, FLAIR), earlier. */
function preference(x: Candidate, y: Candidate, all: readonly Candidate[]): number {
  const firstContrast = all.filter(c => c.kind === 't1ce').map(c => order(c.series)).sort()[0];
  const marks = ({ series, kind }: Candidate): number[] => [
    series.attributes.imageType.includes('DERIVED') ? 1 : 0,
    extentMm(series) >= 100 ? 0 : 1,
    series.attributes.mrAcquisitionType === '3D' ? 0 : 1,
    Math.round(sliceStepMm(series) * 2),
    (kind === 't2' || kind === 'flair') && firstContrast !== undefined && order(series) > firstContrast ? 1 : 0,
  ];
  const [a, b] = [marks(x), marks(y)];
  for (let n = 0; n < a.length; n++) if (a[n] !== b[n]) return a[n]! - b[n]!;
  return order(x.series).localeCompare(order(y.series));
}

function positionsMm({ attributes, instances }: Series): number[] {
  const o = attributes.imageOrientation;
  if (!o || o.length !== 6) return [];
  const normal = cross([o[0]!, o[1]!, o[2]!] as Vec3, [o[3]!, o[4]!, o[5]!] as Vec3);
  if (!(norm(normal) > 0)) return [];
  return instances.flatMap(i => (i.positionMm ? [dot(i.positionMm, normal)] : [])).sort((a, b) => a - b);
}

/** Distance covered along the slice normal, mm. */
function extentMm(series: Series): number {
  const positions = positionsMm(series);
  if (positions.length > 1) return positions.at(-1)! - positions[0]! + sliceStepMm(series);
  return (series.attributes.sliceThicknessMm ?? 0) * Math.max(series.instances.length, series.attributes.numberOfFrames);
}

function sliceStepMm(series: Series): number {
  const positions = positionsMm(series);
  if (positions.length < 2) return series.attributes.sliceThicknessMm ?? 99;
  return (positions.at(-1)! - positions[0]!) / (positions.length - 1);
}

function inWords(identities: readonly SeriesIdentity[]): string {
  const counts = new Map<string, number>();
  for (const { kind } of identities) {
    const name = kind in SEQUENCE_NAMES ? SEQUENCE_NAMES[kind as Sequence] : kind;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].map(([name, count]) => `${count} ${name}`).join(', ');
}
