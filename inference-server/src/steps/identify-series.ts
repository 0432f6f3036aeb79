import { modalityInWords } from '../domain/modality.ts';
import type { OtherKind, Sequence, Series, SeriesAttributes } from '../domain/study.ts';
import { stackOf } from './series-stack.ts';
import { WORDS, wordsOf } from './series-vocabulary.ts';

/** What a series looks like by its own attributes alone; T1 with and without contrast are told apart later, among all series. */
export interface Look {
  readonly kind: Exclude<Sequence, 't1ce'> | OtherKind;
  /** Whether its header names a contrast medium. */
  readonly agent: boolean;
  /** What its names say of contrast; null where nothing. */
  readonly named: 'contrast' | 'native' | null;
  /** Whether a bolus of contrast was given for it. */
  readonly bolus: boolean;
  readonly confidence: number;
  readonly reasons: readonly string[];
}

/** Perfusion without any medium. */
const SPIN_LABELLING = /asl\b|spin label/;
const MR_IMAGE_CLASSES = new Set([
  '1.2.840.10008.5.1.4.1.1.4', '1.2.840.10008.5.1.4.1.1.4.1', '1.2.840.10008.5.1.4.1.1.4.4', '',
]);

export function identifySeries(series: Series): Look {
  const { attributes: a } = series;
  const words = wordsOf(a.seriesDescription, a.protocolName, a.sequenceName);
  const contrast = { agent: hasAgent(a), named: namedContrast(words) };
  const other = otherKind(series, words);
  if (other) return { ...other, ...contrast, bolus: other.kind === 'perfusion' && other.confidence > UNNAMED && !SPIN_LABELLING.test(`${words} ${a.imageType.join(' ').toLowerCase()}`) };
  return { ...weighting(a, words), ...contrast, bolus: false };
}

/** Confidence of what parameters alone tell, without a name or type. */
const UNNAMED = 0.7;
const BODY_PARTS_ELSEWHERE = /SPINE|ABDOMEN|PELVIS|CHEST|THORAX|KNEE|SHOULDER|HIP|BREAST|HEART|PROSTATE|LIVER|EXTREMITY|FOOT|HAND|WRIST|ANKLE/;

function otherKind(series: Series, words: string): Pick<Look, 'reasons' | 'confidence'> & { kind: OtherKind } | null {
  const { attributes: a, instances } = series;
  const images = instances.length * Math.max(1, a.numberOfFrames);
  const is = (kind: OtherKind, reason: string, confidence = 0.95) => ({ kind, reasons: [reason], confidence });
  const type = new Set(a.imageType.map(value => value.toUpperCase()));
  const description = wordsOf(a.seriesDescription);
  if (a.modality !== 'MR') return is('not-mr', a.modality === '' ? 'modality absent' : `modality ${modalityInWords(a.modality)}`, 1);
  if (a.sopClassUid === '1.2.840.10008.5.1.4.1.1.4.2' || WORDS.spectroscopy.test(words)) return is('spectroscopy', 'MR spectroscopy');
  if (!MR_IMAGE_CLASSES.has(a.sopClassUid)) return is('not-mr', 'no MR image SOP class', 1);
  if (type.has('LOCALIZER') || WORDS.localizer.test(words)) return is('localizer', 'named a localizer or calibration');
  if (!WORDS.head.test(words) && (BODY_PARTS_ELSEWHERE.test(a.bodyPartExamined) || WORDS.elsewhere.test(words))) return is('unknown', 'shows another part of the body', 0.9);
  if (a.diffusionBValue !== null && a.diffusionBValue > 0 || ['DIFFUSION', 'ADC', 'TRACEW', 'FA', 'DWI'].some(v => type.has(v))) {
    return is('diffusion', 'diffusion by its b-value or ImageType');
  }
  if (['PERFUSION', 'ASL', 'RCBV', 'RCBF', 'MTT', 'TTP', 'CBF', 'CBV'].some(v => type.has(v))) return is('perfusion', 'perfusion by its ImageType');
  if (WORDS.swi.test(words)) return is('swi', 'its description says susceptibility weighting or T2*', 0.9);
  if (['SUBTRACTION', 'SUBTRACT', 'SUB', 'MIN IP', 'MNIP', 'SECONDARY CAPTURE', 'SCREEN SAVE', 'FAT', 'FAT_PERCENT', 'IN_PHASE', 'OUT_PHASE', 'OPP_PHASE'].some(v => type.has(v))) return is('derived', 'derived by its ImageType');
  if (type.has('ANGIO') || type.has('PROJECTION IMAGE') && !type.has('MPR')) return is('angiography', 'angiography or projection by its ImageType');
  for (const kind of ['perfusion', 'angiography', 'diffusion', 'derived'] as const) {
    if (WORDS[kind].test(kind === 'derived' ? description : words)) return is(kind, `its description says ${kind}`, 0.9);
  }
  if (WORDS.functional.test(words)) return is('unknown', 'its description says functional imaging', 0.9);
  const planar = echoPlanar(series, words);
  if (planar) return is(planar, `echo-planar, ${planar === 'perfusion' ? 'the same slices many times' : 'and no T1, T2 or FLAIR by name'}`, UNNAMED);
  if (isScout(a)) return is('localizer', `2-D gradient echo with a repetition time of ${a.repetitionTimeMs} ms, as localizers have`, UNNAMED);
  if (isLongGradientEcho(a)) return is('swi', `gradient echo with a long echo time (${a.echoTimeMs} ms): T2* contrast`, 0.8);
  if (type.has('MPR') || type.has('REFORMATTED') || WORDS.reformat.test(description) && !/mprage|mp rage/.test(description)) {
    if (type.has('DERIVED') || type.has('MPR') || !type.has('ORIGINAL')) return is('reformat', 'a reformat of another series', 0.9);
  }
  if (images < 3) return is('localizer', `only ${images} image(s)`, 0.7);
  return null;
}

/** Echo-planar images without a name: diffusion, or where each slice was taken very often with a shorter echo, perfusion (or BOLD, which looks the same). */
function echoPlanar(series: Series, words: string): 'diffusion' | 'perfusion' | null {
  const { scanningSequence, diffusionBValue, echoTimeMs } = series.attributes;
  const { volumes } = stackOf(series);
  if (diffusionBValue !== null && volumes >= 2) return 'diffusion';
  if (!scanningSequence.includes('EP') || WORDS.t1.test(words) || WORDS.t2.test(words) || WORDS.flair.test(words)) return null;
  return scanningSequence.includes('GR') || (volumes >= 20 && (echoTimeMs ?? 99) < 60) ? 'perfusion' : 'diffusion';
}

/** Diagnostic 2-D gradient echoes take hundreds of ms per slice. */
const isScout = (a: SeriesAttributes): boolean =>
  a.mrAcquisitionType === '2D' && a.scanningSequence.includes('GR') && !a.scanningSequence.includes('IR') && a.repetitionTimeMs !== null && a.repetitionTimeMs < 50 && (a.echoTimeMs ?? 99) < 10;

/** Spoiled gradient echoes for T1 have echo times of a few ms; from 12 ms on T2* prevails (echo-planar ones are diffusion or perfusion). */
const isLongGradientEcho = (a: SeriesAttributes): boolean =>
  a.scanningSequence.includes('GR') && !a.scanningSequence.includes('EP') && !a.scanningSequence.includes('IR') && a.echoTimeMs !== null && a.echoTimeMs >= 12;

/** T1, T2 or FLAIR: sequence parameters weigh more than words. Times in ms; limits as in common brain protocols at 1.5 and 3 T. */
function weighting(a: SeriesAttributes, words: string): Pick<Look, 'kind' | 'confidence' | 'reasons'> {
  const { echoTimeMs: te, repetitionTimeMs: tr, inversionTimeMs: ti } = a;
  const score: Record<'t1' | 't2' | 'flair', number> = { t1: 0, t2: 0, flair: 0 };
  const reasons: string[] = [];
  const vote = (kind: keyof typeof score, weight: number, reason: string) => { score[kind] += weight; reasons.push(reason); };
  const ir = ti !== null && ti > 0;
  const gradient = a.scanningSequence.includes('GR');
  if (ir && WORDS.doubleInversion.test(words)) return { kind: 'unknown', confidence: 0.9, reasons: ['its description says double inversion: neither fluid nor white matter shows'] };
  if (gradient && WORDS.balanced.test(words)) vote('t2', 2, 'balanced steady state: fluid is bright');
  else if (ir && ti >= 1500 && (te === null || te >= 60)) vote('flair', 3, `inversion time ${ti} ms and a long echo: fluid is suppressed`);
  else if (ir && ti >= 1500 && te !== null && te < 60) vote('flair', 1, `inversion time ${ti} ms`);
  else if (te !== null && te < 35 && (tr === null || tr < 1300 || gradient || ir)) vote('t1', 2, `short echo (${te} ms)${tr === null ? '' : ` and repetition time ${tr} ms`}`);
  else if (te !== null && te >= 60 && (tr === null || tr >= 1500)) vote('t2', 2, `long echo (${te} ms)${tr === null ? '' : ` and repetition time ${tr} ms`}`);
  const named = (['flair', 't1', 't2'] as const).filter(kind => WORDS[kind].test(words));
  const flairOfT1 = named.includes('flair') && named.includes('t1') && te !== null && te < 60;
  const word = flairOfT1 ? 't1' : named[0];
  if (word) vote(word, 1.5, `named ${word === 'flair' ? 'FLAIR' : word.toUpperCase()}`);
  const [best, second] = (Object.keys(score) as (keyof typeof score)[]).sort((x, y) => score[y] - score[x]);
  const lead = score[best!] - score[second!];
  if (score[best!] === 0 || lead === 0) return { kind: 'unknown', confidence: 0.5, reasons: reasons.length ? reasons : ['neither its parameters nor its names tell'] };
  return { kind: best!, confidence: Math.min(0.99, 0.6 + 0.12 * lead), reasons };
}

/** Media that are no contrast for T1: an agent tag that says so counts as none. */
const NO_AGENT = /^\s*(no(ne)?|n\/?a|without|ohne|sans|sin|nativ\w*|-+|0)?\s*$/i;
const hasAgent = ({ contrastBolusAgent }: SeriesAttributes): boolean => !NO_AGENT.test(contrastBolusAgent);

/** What names say of contrast; null also where they say both ("sin contraste / con contraste"). */
function namedContrast(words: string): 'contrast' | 'native' | null {
  const contrast = WORDS.contrast.test(words.replace(new RegExp(WORDS.native, 'g'), ' '));
  return WORDS.native.test(words) ? (contrast ? null : 'native') : contrast ? 'contrast' : null;
}
