import type { OtherKind, Sequence, Series, SeriesAttributes, Unproven } from '../domain/study.ts';
import type { SeriesUid } from '../domain/uid.ts';
import type { Look } from './identify-series.ts';
import { wordsOf } from './series-vocabulary.ts';

/** The same series with no times, where all have one time (as de-identified ones do): then only their numbers tell an order. */
export function withMeaningfulTimes(series: readonly Series[]): readonly Series[] {
  const times = new Set(series.map(({ attributes }) => attributes.acquisitionTime));
  return series.length > 1 && times.size === 1 ? series.map(one => ({ ...one, attributes: { ...one.attributes, acquisitionTime: '' } })) : series;
}

/** What a series is, with T1 and T1ce told apart. */
export interface Told {
  readonly kind: Sequence | OtherKind;
  readonly reasons: readonly string[];
  /** Nothing says so but the order in which T1 series were acquired: only the pixels can tell. */
  readonly unproven?: Unproven;
}
interface Looked { readonly series: Series; readonly look: Look }

/** Two series nearer in time than this are one acquisition (filtered copies, Dixon images), s. */
const SAME_ACQUISITION_S = 30;
/** With fewer images series of a study, an agent in each of them says something; in all of more it was typed in for the whole visit. */
const LEAST_FOR_WHOLE_VISIT = 3;

/**
 * Splits T1 into T1 and T1ce: by agent tag and names; then by when contrast is known to have been given (an agent in another series, a
 * bolus perfusion); then by what usually is: of one protocol taken twice the later, a fat-suppressed T1 after one that is not, the
 * last of several. What rests on the last group alone is `unproven`.
 */
export function tellContrast(looks: readonly Looked[]): ReadonlyMap<SeriesUid, Told> {
  const images = looks.filter(({ look }) => look.kind !== 'not-mr');
  const wholeVisit = images.length >= LEAST_FOR_WHOLE_VISIT && images.every(({ look }) => look.agent);
  const said = (look: Look): 'yes' | 'no' | 'unsaid' =>
    look.named === 'native' ? 'no' : (look.agent && !wholeVisit) || look.named === 'contrast' ? 'yes' : 'unsaid';
  const t1 = looks.filter(({ look }) => look.kind === 't1');
  const decided = new Map<SeriesUid, { readonly kind: 't1' | 't1ce'; readonly reason: string; readonly unproven?: Unproven }>();
  const decide = ({ series }: Looked, kind: 't1' | 't1ce', reason: string, unproven?: Unproven) => { decided.set(series.uid, { kind, reason, ...(unproven && { unproven }) }); };
  for (const one of t1) {
    const { look } = one;
    if (said(look) === 'yes') decide(one, 't1ce', look.agent && !wholeVisit ? 'contrast agent in its header' : 'named as taken after contrast');
    // an agent was typed in, and the name says that there was none: which of the two was forgotten?
    if (said(look) === 'no') decide(one, 't1', 'named as taken without contrast', look.agent && !wholeVisit ? 'likely' : undefined);
  }
  const unsaid = t1.filter(({ series }) => !decided.has(series.uid));
  const given = earliest(images.filter(({ look }) => said(look) === 'yes')) ?? bolusBetween(images, t1);
  const start = given ?? usualStart(t1, unsaid, decided);
  const unproven = given ? undefined : start && usually(start, t1) ? 'likely' : 'guess';
  const because = (one: Looked) => given
    ? given.look.bolus ? 'taken after a bolus perfusion' : 'taken after a series with contrast'
    : usually(one, t1) ?? 'no tag or name tells; the last of several T1 series';
  for (const one of unsaid) {
    const after = start !== null && (isAfter(one.series, start.series) || (!given && sameMoment(one.series, start.series)));
    if (after) decide(one, 't1ce', because(one), unproven);
    else decide(one, 't1', start ? 'no contrast agent, taken before contrast was given' : 'no contrast agent in its header', start ? unproven : undefined);
  }
  return new Map(looks.map(({ series, look }) => {
    const found = decided.get(series.uid);
    return [series.uid, { kind: found?.kind ?? look.kind, reasons: found ? [...look.reasons, found.reason] : look.reasons, ...(found?.unproven && { unproven: found.unproven }) }];
  }));
}

/** A bolus perfusion; null where one T1 protocol was repeated after it, since then the first of the two shows that its time is wrong. */
function bolusBetween(images: readonly Looked[], t1: readonly Looked[]): Looked | null {
  const bolus = earliest(images.filter(({ look }) => look.bolus));
  const before = bolus && t1.some(({ series }) => isAfter(bolus.series, series));
  return before || !t1.some(one => usually(one, t1)) ? bolus : null;
}

/** The first T1 that usually is one with contrast; null where none is. */
function usualStart(t1: readonly Looked[], unsaid: readonly Looked[], decided: ReadonlyMap<SeriesUid, unknown>): Looked | null {
  const usual = earliest(unsaid.filter(one => usually(one, t1)));
  if (usual) return usual;
  const first = earliest(t1);
  const last = unsaid.filter(one => first && isAfter(one.series, first.series)).sort((x, y) => (isAfter(x.series, y.series) ? -1 : 1))[0];
  return last && !decided.has(last.series.uid) ? last : null;
}

/** Why a T1 without a word is likely to be one with contrast; null where nothing speaks for it. */
function usually({ series }: Looked, t1: readonly Looked[]): string | null {
  const earlier = t1.filter(other => isAfter(series, other.series));
  if (earlier.some(other => sameProtocol(other.series.attributes, series.attributes))) return 'no contrast tag: the later of two T1 series of the same protocol';
  if (earlier.some(other => other.look.named === 'native')) return 'no contrast tag: taken after a T1 that is named native';
  if (isFatSuppressed(series.attributes) && earlier.some(other => !isFatSuppressed(other.series.attributes))) return 'no contrast tag: fat-suppressed, after a T1 that is not';
  return null;
}

const earliest = (of: readonly Looked[]): Looked | null =>
  of.reduce<Looked | null>((first, next) => (first === null || isAfter(first.series, next.series) ? next : first), null);

/** Whether one series was acquired after another; by series number where a time is not said. */
export function isAfter({ attributes: a }: Series, { attributes: b }: Series): boolean {
  const [later, earlier] = [secondsOf(a.acquisitionTime), secondsOf(b.acquisitionTime)];
  if (later !== null && earlier !== null) return later - earlier > SAME_ACQUISITION_S;
  return a.seriesNumber !== null && b.seriesNumber !== null && a.seriesNumber > b.seriesNumber;
}

function sameMoment({ attributes: a }: Series, { attributes: b }: Series): boolean {
  const [x, y] = [secondsOf(a.acquisitionTime), secondsOf(b.acquisitionTime)];
  return x !== null && y !== null ? Math.abs(x - y) <= SAME_ACQUISITION_S : a === b;
}

/** @param time `HHMMSS.ffffff`, from which parts may be missing at the end. */
function secondsOf(time: string): number | null {
  const found = /^(\d{2}):?(\d{2})?:?(\d{2}(?:\.\d+)?)?/.exec(time.trim());
  return found ? Number(found[1]) * 3600 + Number(found[2] ?? 0) * 60 + Number(found[3] ?? 0) : null;
}

const FAT_SUPPRESSION = /\b(fs|fsat|fat ?sat\w*|spir|spair|chess|sat ?graisse|fett\w*|grasa|fatsup\w*)\b/;
const isFatSuppressed = (a: SeriesAttributes): boolean =>
  a.scanOptions.some(option => /^(FS|SFS|SPIR|SPAIR|FATSAT|FS_GEMS|FAT_?SAT.*)$/.test(option)) || FAT_SUPPRESSION.test(wordsOf(a.seriesDescription, a.protocolName));

function sameProtocol(a: SeriesAttributes, b: SeriesAttributes): boolean {
  const near = (x: number | null, y: number | null) => x === y || (x !== null && y !== null && Math.abs(x - y) <= 0.02 * Math.max(x, y));
  return near(a.echoTimeMs, b.echoTimeMs) && near(a.repetitionTimeMs, b.repetitionTimeMs) && near(a.inversionTimeMs, b.inversionTimeMs)
    && a.rows === b.rows && a.columns === b.columns && a.mrAcquisitionType === b.mrAcquisitionType && isFatSuppressed(a) === isFatSuppressed(b);
}
