import fc from 'fast-check';
import { PNG } from 'pngjs';
import { describe, expect, it } from 'vitest';
import { voxelToPatient } from '../../../inference-server/src/domain/geometry.ts';
import type { Vec3, VolumeGeometry } from '../../../inference-server/src/domain/geometry.ts';
import type { Mask } from '../../../inference-server/src/domain/volume.ts';
import { SEGMENTS } from '../../../inference-server/src/domain/label-map.ts';
import { drawResult } from '../../../inference-server/src/steps/draw-result.ts';
import { aGrid } from '../../support/volumes.ts';

/** A head of even grey, 200 mm across, with one lesion, both given in patient space (LPS, mm). */
function drawn(geometry: VolumeGeometry, lesionMm: Vec3, radiusMm = 12, label = 3, change: (voxels: Float32Array) => Mask | 'labels' | undefined = () => undefined) {
  const [slices, rows, columns] = geometry.shape;
  const voxels = new Float32Array(slices * rows * columns);
  const labels = new Uint8Array(voxels.length);
  for (let n = 0; n < voxels.length; n++) {
    const point = voxelToPatient(geometry, [Math.floor(n / (rows * columns)), Math.floor(n / columns) % rows, n % columns]);
    if (Math.hypot(...point) < 70) voxels[n] = 100;
    if (Math.hypot(...point.map((p, a) => p - lesionMm[a]!)) < radiusMm) labels[n] = label;
  }
  return PNG.sync.read(Buffer.from(drawResult({ geometry, voxels }, { geometry, labels }, change(voxels))));
}

/** Middle of the pixels in a colour, as fractions of the columns and rows between the two given columns. */
function middle(picture: PNG, from: number, to: number, rgb: readonly number[]): { x: number; y: number; count: number; width: number; height: number } {
  let [x, y, count] = [0, 0, 0];
  let [minX, maxX, minY, maxY] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let row = 0; row < picture.height; row++) for (let column = from; column < to; column++) {
    if (!rgb.every((c, n) => picture.data[(row * picture.width + column) * 4 + n] === c)) continue;
    x += column - from; y += row; count++;
    [minX, maxX, minY, maxY] = [Math.min(minX, column), Math.max(maxX, column), Math.min(minY, row), Math.max(maxY, row)];
  }
  return { x: x / count, y: y / count, count, width: maxX - minX + 1, height: maxY - minY + 1 };
}
const ENHANCING = SEGMENTS[2].rgb;
const cube = aGrid([100, 100, 100], [2, 2, 2]);
const panelOf = (picture: PNG, n: number) => { const w = (picture.width - 16) / 3; return [Math.round(n * (w + 8)), Math.round(n * (w + 8) + w)] as const; };

describe('the picture of a result', () => {
  it("shows a lesion of the patient's right on the picture's left, in front on top, in the axial plane", () => {
    const picture = drawn(cube, [-40, -30, 20]);
    const { x, y } = middle(picture, ...panelOf(picture, 0), ENHANCING);
    // 400 pixels for 200 mm: the middle is 200, and 40 mm are 80 pixels
    expect(x).toBeCloseTo(200 - 80, -0.5);
    expect(y).toBeCloseTo(200 - 60, -0.5);
  });

  it('shows it with the head up and, in the sagittal plane, the face to the left', () => {
    const picture = drawn(cube, [-40, -30, 20]);
    const coronal = middle(picture, ...panelOf(picture, 1), ENHANCING);
    expect([coronal.x, coronal.y].map(n => Math.round(n / 10) * 10)).toEqual([120, 160]);
    const sagittal = middle(picture, ...panelOf(picture, 2), ENHANCING);
    expect([sagittal.x, sagittal.y].map(n => Math.round(n / 10) * 10)).toEqual([140, 160]);
  });

  it('is the same place in patient space however the series stores its voxels', { timeout: 300_000 }, () => {
    const Direction = fc.constantFrom<readonly [Vec3, Vec3, Vec3]>(
      [[0, 0, 4], [0, 2, 0], [2, 0, 0]], [[0, 0, -4], [0, 2, 0], [2, 0, 0]], [[0, 0, 4], [0, -2, 0], [-2, 0, 0]],
      [[4, 0, 0], [0, 0, -2], [0, 2, 0]], [[0, 4, 0], [0, 0, -2], [2, 0, 0]], [[-4, 0, 0], [0, 0, 2], [0, -2, 0]],
    );
    fc.assert(fc.property(Direction, fc.tuple(fc.integer({ min: -35, max: 35 }), fc.integer({ min: -35, max: 35 }), fc.integer({ min: -35, max: 35 })), (stepsMm, lesion) => {
      const shape: Vec3 = [50, 100, 100];
      const originMm = [0, 1, 2].map(a => -stepsMm.reduce((sum, step, n) => sum + (step[a]! * (shape[n]! - 1)) / 2, 0)) as unknown as Vec3;
      const picture = drawn({ shape, originMm, stepsMm }, lesion as unknown as Vec3);
      const { x, y } = middle(picture, ...panelOf(picture, 0), ENHANCING);
      expect(Math.abs(x - (200 + 2 * lesion[0]!))).toBeLessThan(7);
      expect(Math.abs(y - (200 + 2 * lesion[1]!))).toBeLessThan(7);
    }), { numRuns: 12 });
  });

  it('keeps a ball round when slices are thick', () => {
    const picture = drawn(aGrid([40, 200, 200], [5, 1, 1]), [20, 10, 0], 25);
    for (const n of [0, 1, 2]) {
      const { width, height } = middle(picture, ...panelOf(picture, n), ENHANCING);
      expect(Math.abs(width / height - 1)).toBeLessThan(0.15);
    }
  });

  it('cuts where the tumour is largest', () => {
    const picture = drawn(cube, [10, 20, -30], 20);
    // 20 mm radius at 2 pixels per mm
    for (const n of [0, 1, 2]) expect(middle(picture, ...panelOf(picture, n), ENHANCING).width).toBeGreaterThanOrEqual(76);
  });

  it('shows the middle of the head where there is no tumour', () => {
    const picture = drawn(cube, [0, 0, 0], 0);
    expect(middle(picture, 0, picture.width, ENHANCING).count).toBe(0);
    expect([...picture.data.subarray((200 * picture.width + 200) * 4, (200 * picture.width + 200) * 4 + 3)]).toEqual([255, 255, 255]);
  });

  it('leaves the image to be seen through the segments', () => {
    const picture = drawn(cube, [0, 0, 0], 30);
    const at = (200 * picture.width + 200) * 4;
    const inside = [...picture.data.subarray(at, at + 3)];
    expect(inside).not.toEqual([...ENHANCING]);
    expect(inside).not.toEqual([255, 255, 255]);
  });

  describe('of images with writing in their pixels', () => {
    const { shape: [slices, rows, columns] } = cube;
    /** A bar of 40 × 6 voxels in a corner of every slice of every direction, as bright as the brain. */
    const write = (voxels: Float32Array) => {
      for (let n = 0; n < voxels.length; n++) {
        const index = [Math.floor(n / (rows * columns)), Math.floor(n / columns) % rows, n % columns];
        if (index.filter(i => i < 6).length >= 1 && index.filter(i => i < 40).length >= 2 && (index[0]! + index[1]! + index[2]!) % 3 > 0) voxels[n] = 100;
      }
    };
    const brain = (): Mask => ({
      geometry: cube,
      voxels: Uint8Array.from({ length: slices * rows * columns }, (_, n) => Number(Math.hypot(...voxelToPatient(cube, [Math.floor(n / (rows * columns)), Math.floor(n / columns) % rows, n % columns])) < 70)),
    });

    it.each<[string, (voxels: Float32Array) => Mask | undefined]>([
      ['where the brain is known', brain],
      ['where the skull was removed before', () => undefined],
    ])('shows none of it %s', (_when, shown) => {
      const clean = drawn(cube, [0, 0, 0], 12, 3, shown);
      const written = drawn(cube, [0, 0, 0], 12, 3, voxels => {
        write(voxels);
        return shown(voxels);
      });
      expect(written.data.equals(clean.data)).toBe(true);
    });

    it('shows the labels alone where the images say that they have some', () => {
      const picture = drawn(cube, [0, 0, 0], 12, 3, () => 'labels');
      expect(middle(picture, ...panelOf(picture, 0), ENHANCING).count).toBeGreaterThan(0);
      expect(middle(picture, 0, picture.width, [255, 255, 255]).count).toBe(0);
    });
  });
});
