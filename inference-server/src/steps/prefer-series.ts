import { cross, type Vec3 } from '../domain/geometry.ts';
import { SEQUENCE_NAMES, type Sequence, type Series, type SeriesIdentity, type Unproven } from '../domain/study.ts';
import { stackOf } from './series-stack.ts';
import { isAfter } from './tell-contrast.ts';

export interface Candidate {
  readonly series: Series;
  readonly kind: SeriesIdentity['kind'];
  readonly confidence: number;
  readonly reasons: readonly string[];
  readonly unproven?: Unproven;
}

/** Less of it covers a part of the brain, mm along the slices' normal. */
const WHOLE_BRAIN_MM = 100;

/** What makes one series better than another of its kind, most important first; lower values are better. */
interface Quality { readonly value: (candidate: Candidate) => number; readonly better: (best: Candidate, other: Candidate) => string }

function qualities(all: readonly Candidate[]): Quality[] {
  const withContrast = all.filter(({ kind }) => kind === 't1ce').map(({ series }) => series);
  const afterContrast = ({ kind, series }: Candidate) => (kind === 't2' || kind === 'flair') && withContrast.some(given => isAfter(series, given));
  const step = ({ series }: Candidate) => stackOf(series).stepMm;
  return [
    { value: ({ series }) => Number(series.attributes.imageType.includes('DERIVED')), better: () => 'original, not derived' },
    { value: ({ series }) => Number(stackOf(series).extentMm < WHOLE_BRAIN_MM), better: () => 'covers the whole brain' },
    { value: ({ series }) => Number(series.attributes.mrAcquisitionType !== '3D'), better: () => '3-D' },
    { value: candidate => Math.round(step(candidate) * 2), better: (best, other) => `thinner slices (${step(best).toFixed(1)} mm, not ${step(other).toFixed(1)} mm)` },
    { value: candidate => Number(afterContrast(candidate)), better: () => 'taken before contrast was given' },
    { value: ({ series }) => Number(series.attributes.mrAcquisitionType !== '3D' && !isAxial(series)), better: () => 'axial, as the models were trained' },
  ];
}

/**
 * The best of the candidates for one sequence, and why where there are others; undefined where there are none. What is equally good is
 * taken in the order of acquisition.
 * @param all of the study.
 */
export function bestOf(candidates: readonly Candidate[], all: readonly Candidate[]): (Candidate & { readonly because: string | null }) | undefined {
  const order = qualities(all);
  const differs = (x: Candidate, y: Candidate) => order.find(({ value }) => value(x) !== value(y));
  const [best, second, ...others] = [...candidates].sort((x, y) => {
    const quality = differs(x, y);
    return quality ? quality.value(x) - quality.value(y) : isAfter(x.series, y.series) ? 1 : isAfter(y.series, x.series) ? -1 : 0;
  });
  if (!best || !second) return best && { ...best, because: null };
  const name = SEQUENCE_NAMES[best.kind as Sequence];
  const why = differs(best, second)?.better(best, second) ?? 'acquired first';
  return { ...best, because: `preferred to ${others.length + 1} other ${name} series: ${why}` };
}

function isAxial({ attributes: { imageOrientation: o } }: Series): boolean {
  if (o?.length !== 6) return false;
  const normal: Vec3 = cross([o[0]!, o[1]!, o[2]!], [o[3]!, o[4]!, o[5]!]);
  return Math.abs(normal[2]) > Math.max(Math.abs(normal[0]), Math.abs(normal[1]));
}
