import type { Page } from 'playwright-core';
import { PNG } from 'pngjs';
import { cross, dot, patientToVoxel } from '../../inference-server/src/domain/geometry.ts';
import type { Vec3 } from '../../inference-server/src/domain/geometry.ts';
import type { LabelMap } from '../../inference-server/src/domain/label-map.ts';

/** Where a viewport is on the page, and what its corner pixels show in the patient. */
export interface ViewportPlane {
  /** CSS pixels. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** LPS mm of the upper left corner, and steps in mm per CSS pixel to the right and down. */
  readonly originMm: Vec3;
  readonly rightMm: Vec3;
  readonly downMm: Vec3;
}

/** Colour difference of a channel from which a pixel counts as painted. */
const PAINTED = 14;

/** The plane of the patient that an OHIF viewport shows, as cornerstone says. */
export function planeOf(page: Page, viewportId: string): Promise<ViewportPlane> {
  return page.evaluate(id => {
    const { services } = window as unknown as { services: { cornerstoneViewportService: { getCornerstoneViewport(id: string): { element: Element; canvasToWorld(point: [number, number]): [number, number, number] } } } };
    const viewport = services.cornerstoneViewportService.getCornerstoneViewport(id);
    const { x, y, width, height } = viewport.element.getBoundingClientRect();
    const at = (column: number, row: number) => [...viewport.canvasToWorld([column, row])] as [number, number, number];
    const origin = at(0, 0);
    const step = (to: [number, number, number]) => to.map((mm, axis) => (mm - origin[axis]!) / 100) as [number, number, number];
    return { x, y, width, height, originMm: origin, rightMm: step(at(100, 0)), downMm: step(at(0, 100)) };
  }, viewportId);
}

/** Pixels of a viewport that differ between two pictures of the page, `[row * width + column]`. */
export function paintedPixels({ x, y, width, height }: ViewportPlane, withOverlay: Buffer, without: Buffer): Uint8Array {
  const [a, b] = [PNG.sync.read(withOverlay), PNG.sync.read(without)];
  const [columns, rows, left, top] = [Math.floor(width), Math.floor(height), Math.ceil(x), Math.ceil(y)];
  const mask = new Uint8Array(columns * rows);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const at = ((top + row) * a.width + left + column) * 4;
      mask[row * columns + column] = [0, 1, 2].some(channel => Math.abs(a.data[at + channel]! - b.data[at + channel]!) > PAINTED) ? 1 : 0;
    }
  }
  return mask;
}

/** Pixels of a viewport at which a label map has a label, `[row * width + column]`. @param mirrored left and right exchanged. */
export function projectedPixels(plane: ViewportPlane, map: LabelMap, mirrored = false): Uint8Array {
  const [columns, rows] = [Math.floor(plane.width), Math.floor(plane.height)];
  const mask = new Uint8Array(columns * rows);
  const labelAt = labelsSeenIn(plane, map);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      mask[row * columns + column] = labelAt(mirrored ? columns - 1 - column : column, row) > 0 ? 1 : 0;
    }
  }
  return mask;
}

/**
 * How much of a segment the plane of a viewport shows, as a share of what the fullest plane beside it shows.
 * Planes are as thick as voxels, and lie along an axis of the grid.
 */
export function shareOfLargest({ originMm, rightMm, downMm }: ViewportPlane, { geometry, labels }: LabelMap, segment: number): number {
  const [, rows, columns] = geometry.shape;
  const normal = cross(rightMm, downMm);
  const axis = [0, 1, 2].reduce((best, next) => (Math.abs(dot(geometry.stepsMm[next as 0]!, normal)) > Math.abs(dot(geometry.stepsMm[best as 0]!, normal)) ? next : best), 0);
  const counts: number[] = [];
  labels.forEach((label, at) => {
    if (label !== segment) return;
    const place = [Math.floor(at / columns / rows), Math.floor(at / columns) % rows, at % columns][axis]!;
    counts[place] = (counts[place] ?? 0) + 1;
  });
  const shown = Math.round(patientToVoxel(geometry, originMm)[axis]!);
  return (counts[shown] ?? 0) / Math.max(...counts.filter(count => count > 0));
}

/** Which share of the pixels of one mask have the border of another within some pixels; both `[row * width + column]`. */
export function shareAlongBorder(mask: Uint8Array, of: Uint8Array, width: number, withinPixels: number): number {
  let [along, all] = [0, 0];
  mask.forEach((painted, at) => {
    if (!painted) return;
    all++;
    const here = of[at];
    for (let down = -withinPixels; down <= withinPixels; down++) {
      for (let right = -withinPixels; right <= withinPixels; right++) {
        if ((of[at + down * width + right] ?? here) === here) continue;
        along++;
        return;
      }
    }
  });
  return along / all;
}

/** The label that a pixel of a viewport shows, by column and row. */
function labelsSeenIn({ originMm, rightMm, downMm }: ViewportPlane, { geometry, labels }: LabelMap): (column: number, row: number) => number {
  const [slices, height, width] = geometry.shape;
  const voxelAt = (column: number, row: number) =>
    patientToVoxel(geometry, [0, 1, 2].map(axis => originMm[axis]! + (column + 0.5) * rightMm[axis]! + (row + 0.5) * downMm[axis]!) as unknown as Vec3);
  const [first, across, down] = [voxelAt(0, 0), voxelAt(1, 0), voxelAt(0, 1)];
  const place = (axis: 0 | 1 | 2, column: number, row: number) => Math.round(first[axis] + column * (across[axis] - first[axis]) + row * (down[axis] - first[axis]));
  return (column, row) => {
    const [k, j, i] = [place(0, column, row), place(1, column, row), place(2, column, row)];
    return k >= 0 && k < slices && j >= 0 && j < height && i >= 0 && i < width ? labels[(k * height + j) * width + i]! : 0;
  };
}

/** A pixel of a viewport inside a segment, as far as `marginPx` from its edge. @throws Error where there is none. */
export function pixelInside(plane: ViewportPlane, map: LabelMap, segment: number, marginPx: number): { column: number; row: number } {
  const around = [-marginPx, 0, marginPx];
  const labelAt = labelsSeenIn(plane, map);
  for (let row = marginPx; row < plane.height - marginPx; row++) {
    for (let column = marginPx; column < plane.width - marginPx; column++) {
      if (around.every(down => around.every(across => labelAt(column + across, row + down) === segment))) return { column, row };
    }
  }
  throw new Error(`No pixel lies ${marginPx} pixels inside segment ${segment}`);
}

/** Red, green and blue, 0…255, of a pixel of a viewport in a picture of the page. */
export function colourAt({ x, y }: ViewportPlane, picture: Buffer, { column, row }: { column: number; row: number }): number[] {
  const { data, width } = PNG.sync.read(picture);
  const at = ((Math.ceil(y) + row) * width + Math.ceil(x) + column) * 4;
  return [...data.subarray(at, at + 3)];
}

export function dice(a: Uint8Array, b: Uint8Array): number {
  let [both, sum] = [0, 0];
  a.forEach((value, n) => {
    both += value & b[n]!;
    sum += value + b[n]!;
  });
  return (2 * both) / sum;
}
