import { describe, expect, it } from 'vitest';
import { patientToVoxel, voxelToPatient, type VolumeGeometry } from '../../../inference-server/src/domain/geometry.ts';
import type { Volume } from '../../../inference-server/src/domain/volume.ts';
import { implausibilityOf, inputEvidence, misalignmentOf, type InputEvidence } from '../../../inference-server/src/steps/evidence.ts';
import { viewAlong } from '../../../inference-server/src/steps/model-grid.ts';
import { aGrid } from '../../support/volumes.ts';

const grid = aGrid([60, 80, 62]);
/** Grey and white matter in shells, symmetric; T1 weights them one way, T2 the other. */
const image = (weights: readonly [number, number]): Volume => ({
  geometry: grid,
  voxels: Float32Array.from({ length: 60 * 80 * 62 }, (_, at) => {
    const [z, y, x] = [Math.floor(at / 4960) - 29.5, Math.floor(at / 62) % 80 - 39.5, at % 62 - 30.5];
    const r = Math.hypot(z / 29, y / 39, x / 30);
    return r > 1 ? 0 : 100 + (Math.floor(r * 5) % 2 ? weights[0] : weights[1]) + 20 * Math.sin(Math.abs(x) + y / 3 + z);
  }),
});
const t1 = image([60, 0]);
const t2 = image([0, 60]);
const axes = ['L', 'P', 'S'] as const;
const box = { low: [0, 0, 0], high: [62, 80, 60] } as const;
const brain = Uint8Array.from(t1.voxels, value => (value === 0 ? 0 : 1));
const look = (volumes: Parameters<typeof inputEvidence>[0], along: readonly ['L' | 'P', 'L' | 'P', 'S'] = axes) =>
  inputEvidence(volumes, 't1', viewAlong(grid, [...axes]), [...along], box, brain);

describe('what the images say of themselves', () => {
  it('is symmetry, proportions and correlations', () => {
    const seen = look({ t1, t1ce: t1, t2 });
    expect(seen.symmetry).toBeCloseTo(1);
    expect(seen.lengthOverWidth).toBeCloseTo(80 / 62);
    expect(seen.correlations['t1~t1ce']).toBeCloseTo(1);
    expect(seen.correlations['t1~t2']).toBeLessThan(0);
    expect(seen.correlations['t1~flair']).toBeUndefined();
  });

  it('is the same however the volumes lie in memory', () => {
    const flipped = { ...grid, originMm: [-grid.originMm[0], grid.originMm[1], grid.originMm[2]] as const, stepsMm: [grid.stepsMm[0], grid.stepsMm[1], [-1, 0, 0]] as const };
    const sagittal: VolumeGeometry = { shape: [62, 80, 60], originMm: grid.originMm, stepsMm: [[1, 0, 0], [0, 1, 0], [0, 0, 1]] };
    const inOrder = (onto: VolumeGeometry, voxels: Float32Array | Uint8Array) => {
      const [, rows, columns] = onto.shape;
      return Float32Array.from({ length: voxels.length }, (_, n) => {
        const [k, j, i] = patientToVoxel(grid, voxelToPatient(onto, [Math.floor(n / (rows * columns)), Math.floor(n / columns) % rows, n % columns])).map(Math.round) as [number, number, number];
        return voxels[(k * 80 + j) * 62 + i]!;
      });
    };
    const seen = look({ t1, t1ce: t1, t2 });
    for (const other of [flipped, sagittal]) {
      const turned = (volume: Volume): Volume => ({ geometry: other, voxels: inOrder(other, volume.voxels) });
      const again = inputEvidence({ t1: turned(t1), t1ce: turned(t1), t2: turned(t2) }, 't1', viewAlong(other, [...axes]), [...axes], box, Uint8Array.from(inOrder(other, brain)));
      for (const [name, value] of Object.entries({ ...seen.correlations, ...seen.edges, symmetry: seen.symmetry })) {
        expect({ ...again.correlations, ...again.edges, symmetry: again.symmetry }[name], name).toBeCloseTo(value, 6);
      }
    }
  });

  it('is less plausible for values that are inverted, or where T1 has the bright tail that contrast gives', () => {
    const seen = look({ t1, t1ce: t1, t2 });
    const skewed = (values: object) => implausibilityOf({ ...seen, skewness: { ...seen.skewness, ...values } });
    expect(skewed({ t1: -1, t1ce: 0.3 })).toBe(0);
    expect(skewed({ t1: 1, t1ce: 1.5 })).toBeGreaterThan(1);
    expect(skewed({ t1: -0.2, t1ce: -1.4 })).toBeGreaterThan(1);
  });

  it('shows a sequence that lies beside the others by its edges', () => {
    const moved = { geometry: grid, voxels: t2.voxels.map((_, at) => t2.voxels[at - 4 * 62 - 4] ?? 0) };
    expect(misalignmentOf(look({ t1, t1ce: t1, t2 }))).toBe(0);
    expect(misalignmentOf(look({ t1, t1ce: t1, t2: moved }))).toBeGreaterThan(0.5);
  });

  it('is plausible for a head, less so when two series are exchanged or the axes are', () => {
    // The shells have none of the fluid that skews T1.
    const unlikeAHead = (seen: InputEvidence) => implausibilityOf({ ...seen, skewness: {} });
    expect(unlikeAHead(look({ t1, t1ce: t1, t2 }))).toBe(0);
    expect(unlikeAHead(look({ t1, t1ce: t2, t2: t1 }))).toBeGreaterThan(1);
    expect(unlikeAHead(look({ t1, t1ce: t1, t2 }, ['P', 'L', 'S']))).toBeGreaterThan(1);
  });
});
