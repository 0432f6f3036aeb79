import { AppError, NotMrError, SeriesMissingError, STUDY_ERROR_STATUS } from '../domain/errors.ts';
import {
  SEQUENCES, SEQUENCE_NAMES, type Sequence, type SeriesIdentity, type SeriesSelection, type Study,
} from '../domain/study.ts';
import type { SeriesUid } from '../domain/uid.ts';
import { identifySeries } from './identify-series.ts';
import { bestOf, type Candidate } from './prefer-series.ts';
import { tellContrast, withMeaningfulTimes } from './tell-contrast.ts';

export class SeriesNotInStudyError extends AppError {
  override readonly name = 'SeriesNotInStudyError';
  readonly code = 'SERIES_NOT_IN_STUDY';
  readonly httpStatus = STUDY_ERROR_STATUS;
  constructor(sequence: Sequence) {
    super(`The series chosen for ${SEQUENCE_NAMES[sequence]} is not an MR series of this study`);
  }
}

export class SeriesChosenTwiceError extends AppError {
  override readonly name = 'SeriesChosenTwiceError';
  readonly code = 'SERIES_CHOSEN_TWICE';
  readonly httpStatus = STUDY_ERROR_STATUS;
  constructor() {
    super('One series was chosen for two sequences; it can be only one of them');
  }
}

/** Of a role that rests on the order of acquisition alone. */
const UNPROVEN_CONFIDENCE = 0.6;

/** A reader's choice for some sequences; null goes on without the sequence. */
export type SeriesOverrides = Partial<Record<Sequence, SeriesUid | null>>;

/**
 * Which series of a study are T1, T1ce, T2 and FLAIR, and what every other one is.
 * @param requires sequences without which the run must not go on.
 * @param overrides the reader's own choice, taken before anything identified.
 * @throws NotMrError, SeriesMissingError, SeriesNotInStudyError, SeriesChosenTwiceError
 */
export function selectSeries(study: Study, requires: readonly Sequence[], overrides: SeriesOverrides = {}): SeriesSelection {
  const modalities = [...new Set(study.series.map(series => series.attributes.modality))];
  if (!modalities.includes('MR')) throw new NotMrError(modalities);
  const looks = withMeaningfulTimes(study.series).map(series => ({ series, look: identifySeries(series) }));
  const told = tellContrast(looks);
  const candidates: Candidate[] = looks.map(({ series, look }) => ({ series, confidence: look.confidence, ...told.get(series.uid)! }));
  const used: Partial<Record<Sequence, SeriesUid>> = {};
  const why = new Map<SeriesUid, string>();
  for (const [sequence, uid] of Object.entries(overrides) as [Sequence, SeriesUid | null][]) {
    if (uid === null) continue;
    const chosen = study.series.find(series => series.uid === uid && series.attributes.modality === 'MR');
    if (!chosen) throw new SeriesNotInStudyError(sequence);
    if (why.has(uid)) throw new SeriesChosenTwiceError();
    used[sequence] = uid;
    why.set(uid, `chosen by hand for ${SEQUENCE_NAMES[sequence]}`);
  }
  const byHand = new Set(why.keys());
  for (const sequence of SEQUENCES) {
    if (used[sequence] || overrides[sequence] === null) continue;
    const best = bestOf(candidates.filter(c => c.kind === sequence && !byHand.has(c.series.uid)), candidates);
    if (!best) continue;
    used[sequence] = best.series.uid;
    if (best.because) why.set(best.series.uid, best.because);
  }
  const chosen = new Map(Object.entries(used).map(([sequence, uid]) => [uid, sequence as Sequence]));
  const identities = candidates.map(({ series: { uid }, kind, confidence, reasons, unproven }): SeriesIdentity => ({
    uid,
    kind: chosen.get(uid) ?? kind,
    confidence: unproven ? UNPROVEN_CONFIDENCE * confidence : confidence,
    reasons: why.has(uid) ? [...reasons, why.get(uid)!] : reasons,
    used: chosen.has(uid),
    ...(unproven && !byHand.has(uid) && { unproven }),
    ...(byHand.has(uid) && { byHand: true as const }),
  }));
  const missing = requires.filter(sequence => !used[sequence]);
  if (missing.length) throw new SeriesMissingError(missing.map(sequence => SEQUENCE_NAMES[sequence]), inWords(identities));
  return { used, identities };
}

/**
 * The selection with the next best series of the same kind instead of one that proved to be no volume; null where there is none, or
 * where the reader chose it.
 * @param unfit all that were tried for it.
 */
export function withNextBest(study: Study, { used, identities, ...rest }: SeriesSelection, sequence: Sequence, unfit: ReadonlyMap<SeriesUid, string>): SeriesSelection | null {
  const from = used[sequence];
  if (identities.some(({ uid, byHand }) => uid === from && byHand)) return null;
  const candidates = identities.flatMap((identity): Candidate[] => {
    const series = study.series.find(({ uid }) => uid === identity.uid);
    return series ? [{ ...identity, series }] : [];
  });
  const best = bestOf(candidates.filter(({ kind, series: { uid } }) => kind === sequence && !unfit.has(uid)), candidates);
  if (!best) return null;
  const told = (identity: SeriesIdentity): SeriesIdentity => {
    const { uid, reasons } = identity;
    if (uid === from) return { ...identity, used: false, reasons: [...reasons, `can't be used: ${unfit.get(uid)}`] };
    return uid === best.series.uid ? { ...identity, used: true, reasons: [...reasons, `taken instead of another ${SEQUENCE_NAMES[sequence]} series that can't be used`] } : identity;
  };
  return { ...rest, used: { ...used, [sequence]: best.series.uid }, identities: identities.map(told) };
}

function inWords(identities: readonly SeriesIdentity[]): string {
  const counts = new Map<string, number>();
  for (const { kind } of identities) {
    const name = kind in SEQUENCE_NAMES ? SEQUENCE_NAMES[kind as Sequence] : kind;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].map(([name, count]) => `${count} ${name}`).join(', ');
}
