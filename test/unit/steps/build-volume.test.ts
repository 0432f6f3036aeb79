import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GeometryError } from '../../../inference-server/src/domain/errors.ts';
import { sameGrid } from '../../../inference-server/src/domain/geometry.ts';
import type { Slice } from '../../../inference-server/src/domain/slice.ts';
import { buildVolume } from '../../../inference-server/src/steps/build-volume.ts';
import { AnyGrid } from '../../support/grids.ts';
import { AXIAL, slicesOf } from '../../support/slices.ts';

const without = <T>(list: readonly T[], ...at: number[]): T[] => list.filter((_, i) => !at.includes(i));
const refusal = (slices: readonly Slice[]): GeometryError => {
  try {
    buildVolume(slices);
  } catch (error) {
    if (error instanceof GeometryError) return error;
  }
  throw new Error('buildVolume was to refuse the slices');
};
/** The slice number that each slice of the volume holds. */
const order = ({ volume: { voxels, geometry: { shape } } }: ReturnType<typeof buildVolume>): number[] =>
  Array.from({ length: shape[0] }, (_, k) => voxels[k * shape[1] * shape[2]]! / 100);
const moved = (slice: Slice, x: number, y: number, z: number): Slice =>
  ({ ...slice, positionMm: [slice.positionMm[0] + x, slice.positionMm[1] + y, slice.positionMm[2] + z] });

describe('building a volume from slices', () => {
  it('finds the grid that the slices were cut from, whatever their direction and order', () => {
    fc.assert(fc.property(AnyGrid.chain(grid => fc.tuple(fc.constant(grid), fc.shuffledSubarray(slicesOf(grid), { minLength: grid.shape[0] }))), ([grid, slices]) => {
      const built = buildVolume(slices);
      expect(sameGrid(built.volume.geometry, grid, 1e-6)).toBe(true);
      expect(order(built)).toEqual(slicesOf(grid).map((_, k) => k));
      expect(built.sources.map(source => source.instanceUid)).toEqual(slicesOf(grid).map(slice => slice.instanceUid));
    }));
  });

  it.each<[string, Partial<Slice>, number]>([
    ['pixels as large as a house', { pixelSpacingMm: [3_000, 1] }, 1],
    ['pixels without end', { pixelSpacingMm: [1, 1e308] }, 1],
    ['pixels smaller than any', { pixelSpacingMm: [1e-300, 1] }, 1],
    ['slices as far apart as towns', {}, 1e6],
    ['slices beyond what can be reckoned', {}, 1e307],
  ])('refuses a size that no patient has: %s', (_, change, stretch) => {
    const slices = slicesOf(AXIAL, change).map(slice => ({ ...slice, positionMm: [slice.positionMm[0], slice.positionMm[1], slice.positionMm[2] * stretch] as const }));
    expect(refusal(slices).code).toBe('INCONSISTENT_GEOMETRY');
  });

  it('takes the distance of slices from their positions', () => {
    expect(buildVolume(slicesOf(AXIAL)).volume.geometry.stepsMm[0]).toEqual([0, 0, 3]);
  });

  it('applies slope and intercept', () => {
    const { volume } = buildVolume(slicesOf(AXIAL, { slope: 0.5, intercept: -7 }));
    expect([volume.voxels[0], volume.voxels[6]]).toEqual([-7, 43]);
  });

  it('turns an inverted image over', () => {
    expect(order(buildVolume(slicesOf(AXIAL, { inverted: true })))).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
  });

  it('uses a slice that is there twice once, as it came first', () => {
    const slices = slicesOf(AXIAL);
    const twice = { ...slices[4]!, instanceUid: slicesOf(AXIAL, {}, 'b')[4]!.instanceUid, stored: new Uint16Array(6) };
    const built = buildVolume([...slices, twice]);
    expect(order(built)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(built.leftOut).toBe(1);
  });

  it.each<[string, Partial<Slice>, Partial<Slice>]>([
    ['acquisitions', { acquisitionNumber: 1 }, { acquisitionNumber: 2 }],
    ['temporal positions', { temporalPosition: 1 }, { temporalPosition: 2 }],
    ['components, magnitude and phase', { component: 0 }, { component: 1 }],
    ['echoes', { echoTimeMs: 15 }, { echoTimeMs: 90 }],
  ])('uses only the first of two %s, however their slices are mixed', (_, first, second) => {
    const one = slicesOf(AXIAL, first, 'one');
    const both = [...slicesOf(AXIAL, second, 'two'), ...one];
    fc.assert(fc.property(fc.shuffledSubarray(both, { minLength: both.length }), slices => {
      const built = buildVolume(slices);
      expect(built.sources.map(source => source.instanceUid)).toEqual(one.map(slice => slice.instanceUid));
      expect(built.leftOut).toBe(10);
    }));
  });

  it('uses the complete acquisition where an earlier one was broken off', () => {
    const complete = slicesOf(AXIAL, { acquisitionNumber: 2 }, 'complete');
    const built = buildVolume([...slicesOf(AXIAL, { acquisitionNumber: 1 }).slice(0, 6), ...complete]);
    expect(built.sources.map(source => source.instanceUid)).toEqual(complete.map(slice => slice.instanceUid));
  });

  it('keeps a stack together whose acquisition numbers count packages', () => {
    const slices = slicesOf(AXIAL).map((slice, k) => ({ ...slice, acquisitionNumber: k % 2 }));
    expect(order(buildVolume(slices))).toHaveLength(10);
    expect(order(buildVolume([...slices, slices[3]!]))).toHaveLength(10);
  });

  it('does not fill the gaps of one acquisition with slices of another', () => {
    const one = without(slicesOf(AXIAL, { acquisitionNumber: 1 }, 'one'), 4);
    const two = without(slicesOf(AXIAL, { acquisitionNumber: 2 }, 'two'), 6, 7);
    expect(refusal([...one, ...two]).code).toBe('SLICES_MISSING');
  });

  it.each([[[5], '1 slice is missing'], [[3, 4], '2 slices are missing'], [[2, 6], '2 slices are missing']])('says how many slices are missing without %j', (missing, says) => {
    const error = refusal(without(slicesOf(AXIAL), ...missing));
    expect(error.code).toBe('SLICES_MISSING');
    expect(error.message).toContain(says);
  });

  it.each([[0], [1], [4]])('refuses %d slices', count => {
    expect(refusal(slicesOf(AXIAL).slice(0, count)).code).toBe('TOO_FEW_SLICES');
  });

  it('refuses a slice that is there five times over as one', () => {
    expect(refusal(new Array<Slice>(5).fill(slicesOf(AXIAL)[0]!)).message).toContain('1 slice;');
  });

  it.each<[string, (slice: Slice) => Slice]>([
    ['size', slice => ({ ...slice, rows: 3, columns: 2 })],
    ['direction', slice => ({ ...slice, rowDirection: [0, 0, 1] })],
    ['voxel size', slice => ({ ...slice, pixelSpacingMm: [1.1, 1] })],
    ['frame of reference', slice => ({ ...slice, frameOfReferenceUid: null })],
    ['photometric interpretation', slice => ({ ...slice, inverted: true })],
    ['distance', slice => moved(slice, 0, 0, 1)],
    ['place beside the others', slice => moved(slice, 2, 0, 0)],
  ])('refuses a slice of another %s', (_, change) => {
    const slices = slicesOf(AXIAL);
    expect(refusal([...slices.slice(0, 6), change(slices[6]!), ...slices.slice(7)]).code).toBe('INCONSISTENT_GEOMETRY');
  });

  it.each<[string, Partial<Slice>]>([
    ['direction', { rowDirection: [0, 0, 1] }],
    ['size', { rows: 3, columns: 2 }],
  ])('leaves an appended image of another %s out, whether it comes first or last', (_, change) => {
    const slices = slicesOf(AXIAL);
    const scout = { ...slices[3]!, instanceUid: slicesOf(AXIAL, {}, 'scout')[0]!.instanceUid, ...change };
    for (const all of [[...slices, scout], [scout, ...slices]]) {
      const built = buildVolume(all);
      expect([order(built), built.leftOut]).toEqual([[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 1]);
    }
  });

  it('does not choose between two halves of a series', () => {
    const other = slicesOf(AXIAL, { rowDirection: [0, 0, 1] }, 'b');
    expect(refusal([...slicesOf(AXIAL), ...other]).code).toBe('INCONSISTENT_GEOMETRY');
  });

  it('refuses a stack that is sheared as by a tilted gantry', () => {
    const error = refusal(slicesOf(AXIAL).map((slice, k) => moved(slice, 0, k * 0.5, 0)));
    expect(error.code).toBe('INCONSISTENT_GEOMETRY');
    expect(error.message).toContain('sideways');
  });

  it('refuses rows and columns that are not at a right angle', () => {
    expect(refusal(slicesOf(AXIAL, { rowDirection: [0.1, Math.sqrt(0.99), 0] })).code).toBe('INCONSISTENT_GEOMETRY');
  });
});
