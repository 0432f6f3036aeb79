import { SeriesMissingError } from '../domain/errors.ts';
import { spacingMm } from '../domain/geometry.ts';
import type { SeriesIdentity, SeriesSelection } from '../domain/study.ts';
import type { Mask } from '../domain/volume.ts';
import { foregroundOf, resampleMask } from '../steps/brain-mask.ts';
import { compareContrast, type ContrastComparison } from '../steps/compare-contrast.ts';
import { distancesTo } from '../steps/distances.ts';
import { boxOfNonZero, modelGridAround } from '../steps/model-grid.ts';
import { resample } from '../steps/resample.ts';
import type { PreparedVolumes } from './segment-volumes.ts';

/** Coarse enough that noise is averaged, fine enough for vessels. */
const GRID = { axes: ['L', 'P', 'S'], spacingMm: [1.5, 1.5, 1.5] } as const;
/** The rim of the brain, where what lies beside it shows through, is not looked at. */
const RIM_MM = 4;

/**
 * Which of the two T1-weighted series of an aligned study shows contrast medium, by their pixels: both brought onto one grid, so that
 * both are interpolated alike, and compared inside the brain.
 */
export function whichIsEnhanced({ registered, reference, extracted }: PreparedVolumes): 't1' | 't1ce' | null {
  const { t1, t1ce } = registered;
  const brain = extracted ?? foregroundOf([registered[reference]!]);
  const box = boxOfNonZero(brain.voxels, brain.geometry);
  if (!t1 || !t1ce || !box) return null;
  const grid = modelGridAround(brain.geometry, box, { axes: [...GRID.axes], spacingMm: [...GRID.spacingMm] }, 0);
  const { enhanced } = compareContrast(resample(t1, grid).voxels, resample(t1ce, grid).voxels, withoutRim(resampleMask(brain, grid)));
  return NAMES[enhanced ?? 'neither'];
}
const NAMES: Record<NonNullable<ContrastComparison['enhanced']> | 'neither', 't1' | 't1ce' | null> = { first: 't1', second: 't1ce', neither: null };

function withoutRim({ geometry, voxels }: Mask): Uint8Array {
  const fromOutside = distancesTo(Uint8Array.from(voxels, inside => 1 - inside), geometry.shape, spacingMm(geometry));
  return voxels.map((inside, at) => (fromOutside[at]! > RIM_MM ? inside : 0));
}

/** Whether T1 and T1ce of a selection were told apart by nothing but the order of acquisition. */
export const isUnproven = ({ used, identities }: SeriesSelection): boolean =>
  used.t1 !== undefined && used.t1ce !== undefined && identities.some(({ uid, unproven }) => unproven !== undefined && (uid === used.t1 || uid === used.t1ce));

/** Confidence of a role that the pixels confirm. */
const SEEN = 0.95;

/**
 * The selection after the pixels were asked: confirmed, the other way round, or, where they show no contrast and nothing but a guess
 * spoke for it, without T1ce.
 * @throws SeriesMissingError where T1ce is required and there is none.
 */
export function settled(selection: SeriesSelection, enhanced: 't1' | 't1ce' | null, required: boolean): SeriesSelection {
  const { t1, t1ce, ...others } = selection.used;
  const guessed = selection.identities.some(({ uid, unproven }) => unproven === 'guess' && uid === t1ce);
  if (enhanced === null && guessed && required) throw new SeriesMissingError(['T1ce'], 'several T1, but neither tags, names nor pixels show which has contrast; choose it by hand if one has');
  const used = enhanced === 't1' ? { ...others, t1: t1ce!, t1ce: t1! } : enhanced === null && guessed ? { ...others, t1: t1! } : selection.used;
  const word = enhanced ? 'its pixels show contrast medium' : 'its pixels do not show for certain whether it has contrast';
  const told = (identity: SeriesIdentity): SeriesIdentity => {
    if (identity.uid !== t1 && identity.uid !== t1ce) return identity;
    const kind = identity.uid === used.t1ce ? 't1ce' : 't1';
    const reason = enhanced === null || kind === 't1ce' ? word : 'the other T1 shows contrast medium';
    return { uid: identity.uid, kind, used: identity.uid === used.t1 || kind === 't1ce', confidence: enhanced ? SEEN : identity.confidence, reasons: [...identity.reasons, reason] };
  };
  const contrastByPixels = enhanced === null ? 'unseen' : enhanced === 't1ce' ? 'confirmed' : 'exchanged';
  return { used, identities: selection.identities.map(told), contrastByPixels };
}
