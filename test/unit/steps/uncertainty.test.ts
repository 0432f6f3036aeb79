import { inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { Uncertainty } from '../../../inference-server/src/contract/uncertainty.ts';
import type { VoxelCalibration } from '../../../inference-server/src/domain/calibration.ts';
import type { VolumeGeometry } from '../../../inference-server/src/domain/geometry.ts';
import type { TumourProbabilities } from '../../../inference-server/src/domain/probabilities.ts';
import type { InstanceUid } from '../../../inference-server/src/domain/uid.ts';
import { writeUncertainty } from '../../../inference-server/src/flow/write-uncertainty.ts';
import { uncertaintyOf } from '../../../inference-server/src/steps/uncertainty.ts';

const line = (voxels: number): VolumeGeometry => ({ shape: [1, 1, voxels], originMm: [0, 0, 0], stepsMm: [[0, 0, 1], [0, 1, 0], [1, 0, 0]] });
/** Voxels in a row to the patient's left. @param channels of each. */
function probabilities(kind: TumourProbabilities['kind'], voxels: readonly (readonly [number, number, number])[]): TumourProbabilities {
  const values = new Float32Array(3 * voxels.length);
  voxels.forEach((voxel, at) => voxel.forEach((p, channel) => { values[channel * voxels.length + at] = p; }));
  return { kind, values, geometry: line(voxels.length) };
}
const levels = (of: TumourProbabilities, grid = of.geometry, calibration?: VoxelCalibration) => [...uncertaintyOf(of, grid, ['S', 'P', 'L'], calibration).labels];

describe('the uncertainty of a voxel', () => {
  it('is the chance of being on the wrong side of the outline, in levels from 10, 20 and 35 %', () => {
    expect(levels(probabilities('regions', [0, 0.05, 0.12, 0.25, 0.4, 0.5, 0.6, 0.7, 0.85, 0.95, 1].map(p => [p, 0, 0])))).toEqual([0, 0, 1, 2, 3, 3, 3, 2, 1, 0, 0]);
  });

  it('is by the calibrated probabilities of a model that has some', () => {
    // σ(0.5 · logit p): 0.98 becomes 0.875, 0.95 becomes 0.81, 0.92 becomes 0.77, 0.7 becomes 0.60
    const sure = probabilities('regions', [0.001, 0.98, 0.95, 0.92, 0.7, 0.5, 1].map(p => [p, 0, 0]));
    expect(levels(sure)).toEqual([0, 0, 0, 0, 2, 3, 0]);
    expect(levels(sure, sure.geometry, { slope: 0.5, offset: 0 })).toEqual([0, 1, 1, 2, 3, 3, 0]);
    expect(levels(probabilities('regions', [[0.1, 0, 0], [0.9, 0, 0]]), line(2), { slope: 1, offset: 2 })).toEqual([3, 0]);
  });

  it('is that of tumour against none: a doubt between two parts of the tumour is none', () => {
    expect(levels(probabilities('classes', [[0.5, 0.49, 0], [0.3, 0.1, 0.1]]))).toEqual([0, 3]);
    expect(levels(probabilities('regions', [[1, 0.5, 0.5]]))).toEqual([0]);
  });

  it('is looked up where the reference’s voxels lie, and none beyond', () => {
    const of = probabilities('regions', [[0.5, 0, 0], [0.5, 0, 0], [0, 0, 0]]);
    expect(levels(of, { ...line(4), originMm: [-1, 0, 0] })).toEqual([0, 3, 3, 0]);
  });
});

describe('a written map', () => {
  it('holds the slices that have some, under the images that they lie on', () => {
    const geometry: VolumeGeometry = { shape: [3, 1, 2], originMm: [0, 0, 0], stepsMm: [[0, 0, 1], [0, 1, 0], [1, 0, 0]] };
    const sources = ['1.1', '1.2', '1.3'].map(uid => ({ instanceUid: uid as InstanceUid, frame: 1 }));
    const written = Uncertainty.parse(JSON.parse(Buffer.from(writeUncertainty({ geometry, labels: Uint8Array.of(0, 0, 1, 3, 0, 0) }, sources)).toString()));
    expect(written.slices.map(({ sopInstanceUid, labels }) => [sopInstanceUid, [...inflateSync(Buffer.from(labels, 'base64'))]])).toEqual([['1.2', [1, 3]]]);
  });
});
