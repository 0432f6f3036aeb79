import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OnnxModel } from '../../../inference-server/src/adapters/onnx-model.ts';
import { readSlices } from '../../../inference-server/src/dicom/read-instance.ts';
import { readSourceHeader } from '../../../inference-server/src/dicom/source-header.ts';
import { writeSegmentation } from '../../../inference-server/src/dicom/write-segmentation.ts';
import { cross, norm, patientToVoxel, scale, subtract, voxelToPatient, type Vec3, type VolumeGeometry } from '../../../inference-server/src/domain/geometry.ts';
import type { LabelMap } from '../../../inference-server/src/domain/label-map.ts';
import type { BrainExtractor } from '../../../inference-server/src/flow/ports.ts';
import { segmentVolumes } from '../../../inference-server/src/flow/segment-volumes.ts';
import { buildVolume } from '../../../inference-server/src/steps/build-volume.ts';
import { mrFiles } from '../../support/mr-files.ts';
import { aManifest, aPointwiseNetwork } from '../../support/networks.ts';
import { readSegmentation } from '../../support/read-segmentation.ts';

/** Two lesions that no mirroring or turn takes onto each other, from the middle of what is imaged, mm. */
const OEDEMA = { label: 2, centre: [-14, -6, 5], radius: 9 } as const;
const ENHANCING = { label: 3, centre: [15, 9, -8], radius: 8 } as const;
const FIELD_MM = 62;

const Angle = fc.double({ min: -Math.PI, max: Math.PI, noNaN: true });
const size = (min: number, max: number) => fc.double({ min, max, noNaN: true });
/** Right-handed grids of any direction and voxel size, not cubes, in the middle of which lie the lesions. */
const AnyScan: fc.Arbitrary<VolumeGeometry> = fc.record({
  turn: fc.tuple(Angle, Angle, Angle), spacing: fc.tuple(size(1.2, 6), size(1, 2), size(1, 2)), aside: fc.tuple(size(-3, 3), size(-3, 3), size(-3, 3)),
}).map(({ turn: [a, b, c], spacing, aside }) => {
  const [ca, sa, cb, sb, cc, sc] = [Math.cos(a), Math.sin(a), Math.cos(b), Math.sin(b), Math.cos(c), Math.sin(c)];
  const [column, row]: [Vec3, Vec3] = [[ca * cb, sa * cb, -sb], [ca * sb * sc - sa * cc, sa * sb * sc + ca * cc, cb * sc]];
  const stepsMm = [scale(cross(column, row), spacing[0]), scale(row, spacing[1]), scale(column, spacing[2])] as const;
  const shape = spacing.map(mm => Math.ceil(FIELD_MM / mm)) as unknown as Vec3;
  const middle = [0, 1, 2].map(axis => aside[axis]! - stepsMm.reduce((sum, step, n) => sum + ((shape[n]! - 1) / 2) * step[axis]!, 0)) as unknown as Vec3;
  return { shape, originMm: middle, stepsMm };
});

/** Stored values of a scan in which these lesions are bright; their edges are a voxel wide. */
function scanOf(geometry: VolumeGeometry, lesions: readonly (typeof OEDEMA | typeof ENHANCING)[]): Uint16Array {
  const [slices, rows, columns] = geometry.shape;
  const stored = new Uint16Array(slices * rows * columns);
  for (let k = 0, at = 0; k < slices; k++) for (let j = 0; j < rows; j++) for (let i = 0; i < columns; i++, at++) {
    const point = voxelToPatient(geometry, [k, j, i]);
    const inside = Math.max(...lesions.map(({ centre, radius }) => Math.min(1, Math.max(0, radius - norm(subtract(point, centre)) + 0.5))));
    stored[at] = 200 + ((at * 7919) % 20) + 1800 * inside;
  }
  return stored;
}

/** The middle of a label, in voxels of the grid. */
function middleOf({ geometry: { shape: [, rows, columns] }, labels }: LabelMap, label: number): Vec3 {
  const sum = [0, 0, 0, 0];
  labels.forEach((found, at) => {
    if (found !== label) return;
    [Math.floor(at / (rows * columns)), Math.floor(at / columns) % rows, at % columns, 1].forEach((value, n) => { sum[n]! += value; });
  });
  return [sum[0]! / sum[3]!, sum[1]! / sum[3]!, sum[2]! / sum[3]!];
}

const WHOLE: BrainExtractor = { name: 'all of it', extract: ({ geometry, voxels }) => Promise.resolve({ geometry, voxels: new Uint8Array(voxels.length).fill(1) }) };

describe('a lesion on its way from DICOM through the model\'s grid into a SEG', () => {
  let model: OnnxModel;
  beforeAll(async () => {
    const network = aPointwiseNetwork({ weights: [[0, 4], [4, 0], [4, 0]], bias: [-6, -6, -6] });
    model = await OnnxModel.open(aManifest(network, { channels: ['t1ce', 'flair'], spacingMm: [1.5, 1.5, 1.5] }), [network], 1);
  });
  afterAll(() => model.close());

  it('comes back within half a voxel, not mirrored, whatever the directions, voxel sizes, grids and order of the files', async () => {
    await fc.assert(fc.asyncProperty(AnyScan, AnyScan, async (reference, other) => {
      const files = mrFiles('t1ce', reference, {}, scanOf(reference, [ENHANCING]));
      const built = buildVolume((await Promise.all(files.toReversed().map(readSlices))).flat());
      const flair = buildVolume((await Promise.all(mrFiles('flair', other, {}, scanOf(other, [OEDEMA])).map(readSlices))).flat());
      const { labelMap, missing } = await segmentVolumes({ volumes: { t1ce: built.volume, flair: flair.volume }, model, brainExtractor: WHOLE });
      const { bytes } = writeSegmentation(labelMap, { identity: 'round-trip', header: readSourceHeader(files[0]!), sources: built.sources, model: { id: 'm', version: '1.0.0' }, used: {}, missing });
      const seg = readSegmentation(bytes, reference);
      for (const { label, centre } of [OEDEMA, ENHANCING]) {
        const [found, true_] = [middleOf(seg, label), patientToVoxel(reference, centre)];
        found.forEach((index, axis) => expect(Math.abs(index - true_[axis]!), `label ${label}, axis ${axis}`).toBeLessThanOrEqual(0.5));
      }
    }), { numRuns: 20 });
  }, 240_000);
});
