import fc from 'fast-check';
import { PNG } from 'pngjs';
import { describe, expect, it } from 'vitest';
import { voxelToPatient } from '../../../inference-server/src/domain/geometry.ts';
import type { Vec3, VolumeGeometry } from '../../../inference-server/src/domain/geometry.ts';
import type { Volume } from '../../../inference-server/src/domain/volume.ts';
import { foregroundOf } from '../../../inference-server/src/steps/brain-mask.ts';
import { SEGMENTS } from '../../../inference-server/src/domain/label-map.ts';
import { convexPieces } from '../../../inference-server/src/steps/convex-hull.ts';
import { drawResult, type Backdrop } from '../../../inference-server/src/steps/draw-result.ts';
import { aGrid } from '../../support/volumes.ts';

/** A head of even grey, 200 mm across, with one lesion, both given in patient space (LPS, mm). */
function drawn(geometry: VolumeGeometry, lesionMm: Vec3, radiusMm = 12, label = 3, backdrop: (image: Volume) => Backdrop = image => ({ image })) {
  const { voxels, labels } = aHead(geometry, lesionMm, radiusMm, label);
  return PNG.sync.read(Buffer.from(drawResult({ geometry, labels }, backdrop({ geometry, voxels }))));
}
function aHead(geometry: VolumeGeometry, lesionMm: Vec3, radiusMm: number, label: number) {
  const [slices, rows, columns] = geometry.shape;
  const voxels = new Float32Array(slices * rows * columns);
  const labels = new Uint8Array(voxels.length);
  for (let n = 0; n < voxels.length; n++) {
    const point = voxelToPatient(geometry, [Math.floor(n / (rows * columns)), Math.floor(n / columns) % rows, n % columns]);
    if (Math.hypot(...point) < 70) voxels[n] = 100;
    if (Math.hypot(...point.map((p, a) => p - lesionMm[a]!)) < radiusMm) labels[n] = label;
  }
  return { geometry, voxels, labels };
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

  describe('behind which nobody may be named', () => {
    /** Where the images came without skull, so that even the brain is known by them alone. */
    const outline = (image: Volume): Backdrop => ({ outlineOf: foregroundOf([image]) });
    const clean = drawn(cube, [30, 0, 0], 12, 3, outline);
    const dark = (picture: PNG, at: number) => picture.data[at * 4] === 0 && picture.data[at * 4 + 1] === 0 && picture.data[at * 4 + 2] === 0;

    it('shows the outline of the brain in one grey, and the segments', () => {
      const greys = new Set<number>();
      for (let at = 0; at < clean.data.length; at += 4) if (clean.data[at] === clean.data[at + 1] && clean.data[at] === clean.data[at + 2]) greys.add(clean.data[at]!);
      expect([...greys].sort((a, b) => a - b)).toEqual([0, 70, 200]); // around, brain, the marks R and A
      expect(middle(clean, ...panelOf(clean, 0), ENHANCING).count).toBeGreaterThan(0);
      // 140 mm at 2 pixels per mm
      expect(Math.abs(middle(clean, ...panelOf(clean, 0), [70, 70, 70]).width - 280)).toBeLessThan(6);
    });

    // N, E, 7: a row per number, 5 × 7
    const Letter = fc.constantFrom([17, 25, 21, 19, 17, 17, 17], [31, 16, 16, 30, 16, 16, 31], [31, 1, 2, 4, 8, 8, 8]);
    const Place = fc.record({ top: fc.integer({ min: 0, max: 70 }), left: fc.integer({ min: 0, max: 70 }) });

    it('shows no letter of what is burned into the images, however large, wherever it is', { timeout: 300_000 }, () => {
      const { geometry, voxels, labels } = aHead(cube, [30, 0, 0], 12, 3);
      const [from, to] = panelOf(clean, 0);
      fc.assert(fc.property(Letter, fc.constantFrom(0, 1, 100, 4095), fc.integer({ min: 1, max: 3 }), Place, (letter, value, dot, { top, left }) => {
        const image = { geometry, voxels: voxels.slice() };
        write(image, letter, value, dot, top, left);
        const written = PNG.sync.read(Buffer.from(drawResult({ geometry, labels }, outline(image))));
        // nothing differs but where the brain ends, and there by a bump or a dent of less than 18 mm, where the largest letter has 42
        const steps = Array.from({ length: 13 }, (_, n) => 6 * (n - 6));
        for (let row = 0; row < clean.height; row++) for (let column = from; column < to; column++) {
          const at = row * clean.width + column;
          if (dark(written, at) === dark(clean, at)) continue;
          const around = steps.flatMap(y => steps.map(x => dark(clean, Math.min(Math.max(row + y, 0), clean.height - 1) * clean.width + Math.min(Math.max(column + x, 0), clean.width - 1))));
          expect(new Set(around).size).toBe(2);
        }
      }), { numRuns: 5, seed: 5, examples: [[[17, 25, 21, 19, 17, 17, 17], 4095, 3, { top: 19, left: 1 }]] });
    });

    it('shows no letter that the model took for tumour, in the brain, beside it or within a tumour', { timeout: 300_000 }, () => {
      const { geometry, voxels, labels } = aHead(cube, [30, 0, 0], 25, 2);
      fc.assert(fc.property(Letter, letter => {
        for (const [top, left] of [[60, 30], [4, 4], [46, 60]] as const) {
          const taken = labels.slice();
          write({ geometry, voxels: taken }, letter, 3, 1, top, left);
          const picture = PNG.sync.read(Buffer.from(drawResult({ geometry, labels: taken }, outline({ geometry, voxels }))));
          expect(middle(picture, ...panelOf(picture, 0), ENHANCING).count).toBe(0);
        }
      }), { numRuns: 2 });
    });

    it('shows of strokes that are as thick as a tumour a shape without arms', { timeout: 300_000 }, () => {
      const { geometry, voxels } = aHead(cube, [0, 0, 0], 12, 3);
      fc.assert(fc.property(Letter, fc.constantFrom(1, 2, 3), (letter, label) => {
        const taken = new Uint8Array(voxels.length);
        write({ geometry, voxels: taken }, letter, label, 3, 40, 42);
        // in the middle of the head only, where the picture is cut
        taken.fill(0, 0, 40 * 100 * 100).fill(0, 60 * 100 * 100);
        const picture = PNG.sync.read(Buffer.from(drawResult({ geometry, labels: taken }, outline({ geometry, voxels }))));
        const [from, to] = panelOf(picture, 0);
        const shown = new Uint8Array(picture.height * (to - from));
        for (let row = 0; row < picture.height; row++) for (let column = from; column < to; column++) {
          const [red, green, blue] = picture.data.subarray((row * picture.width + column) * 4);
          shown[row * (to - from) + column - from] = Number(red !== green || green !== blue);
        }
        expect(shown.includes(1)).toBe(true);
        expect(convexPieces(shown, to - from)).toEqual(shown);
      }), { numRuns: 3 });
    });
  });
});

/** Burns a letter into every slice. @param dot how many voxels a dot of the letter has each way */
function write({ geometry: { shape: [slices, rows, columns] }, voxels }: { geometry: VolumeGeometry; voxels: Float32Array | Uint8Array }, letter: readonly number[], value: number, dot: number, top: number, left: number): void {
  for (let k = 0, n = 0; k < slices; k++) for (let j = 0; j < rows; j++) for (let i = 0; i < columns; i++, n++) {
    const [down, across] = [Math.floor((j - top) / dot), Math.floor((i - left) / dot)];
    if (across >= 0 && across < 5 && ((letter[down] ?? 0) >> (4 - across)) & 1) voxels[n] = value;
  }
}
