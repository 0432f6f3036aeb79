import { PNG } from 'pngjs';
import { patientToVoxel, scale, subtract, voxelToPatient } from '../domain/geometry.ts';
import type { Vec3, VolumeGeometry } from '../domain/geometry.ts';
import { EDEMA, ENHANCING, NECROTIC, SEGMENTS } from '../domain/label-map.ts';
import type { LabelMap } from '../domain/label-map.ts';
import type { Mask, Volume } from '../domain/volume.ts';
import { keepLargest } from './components.ts';
import { convexPieces } from './convex-hull.ts';
import { quantiles } from './quantile.ts';

type Axis = 0 | 1 | 2;

/** A plane of patient space as a picture shows it; directions are those in which column and row of the picture increase, LPS. */
interface View {
  readonly right: Vec3;
  readonly down: Vec3;
  /** The patient axis that the plane is perpendicular to. */
  readonly through: Axis;
  /** The side of the patient that lies on the picture's left. */
  readonly leftSide: keyof typeof GLYPHS;
}

/** Radiological convention: axial from the feet, coronal from the front, sagittal from the left with the face to the left. */
const VIEWS: readonly View[] = [
  { right: [1, 0, 0], down: [0, 1, 0], through: 2, leftSide: 'R' },
  { right: [1, 0, 0], down: [0, 0, -1], through: 1, leftSide: 'R' },
  { right: [0, 1, 0], down: [0, 0, -1], through: 0, leftSide: 'A' },
];

/** The only writing in the picture: which side is which. 5 × 7, a row per number. */
const GLYPHS = { R: [30, 17, 17, 30, 20, 18, 17], A: [14, 17, 17, 31, 17, 17, 17] } as const;

/** Of the longest side of the field of view. */
const LONGEST_PX = 400;
const GAP_PX = 8;
const FILL = 0.35;
const DARKEST = 0.01;
const BRIGHTEST = 0.995;
/** Every so many pixels are looked at for black and white. */
const WINDOW_STRIDE = 7;
const OUTLINE_GREY = 70;
/** Where the images must not be told from the picture, what is thinner than about two thirds of this is no part of the brain or of a segment: as the strokes of letters, which a model may take for tumour. */
const SMOOTH_MM = { brain: 12, segments: 5 };
/** A segment is shown as far out as so much of the surroundings is brain. */
const NEAR_BRAIN = 0.25;

/**
 * What is behind the segments. The images' own grey is for images that name nobody: text may be burned into any others, over
 * the brain too, and few of them say so. Of these the smoothed outline of the brain is shown and nothing that was measured, and of the
 * segments, which a model may find in the strokes of letters, the convex outline of each piece.
 */
export type Backdrop = { readonly image: Volume } | { readonly outlineOf: Mask };

/**
 * A picture of the result for people who look through many: axial, coronal and sagittal, each at the level where the
 * tumour is largest (the middle of the volume where there is none), the segments filled lightly and outlined in their
 * colours. The patient's right is on the left; a pixel is square in mm; nothing but the marks R and A is written.
 * @param where whose tumour the levels are chosen by; so that two answers are shown in the same planes.
 * @returns a PNG file
 */
export function drawResult(labelMap: LabelMap, backdrop: Backdrop, where: LabelMap = labelMap): Uint8Array {
  const box = boxMm(labelMap.geometry);
  const pixelMm = Math.max(...box.max.map((max, axis) => max - box.min[axis]!)) / LONGEST_PX;
  const at = levels(where) ?? box.min.map((min, axis) => (min + box.max[axis]!) / 2);
  const panels = VIEWS.map(view => panel(labelMap, backdrop, view, at[view.through]!, box, pixelMm));
  const [low, high] = 'image' in backdrop ? window(panels.map(p => p.grey)) : [0, 255];
  const picture = new PNG({
    width: panels.reduce((sum, p) => sum + p.width, 0) + GAP_PX * (panels.length - 1),
    height: Math.max(...panels.map(p => p.height)),
  });
  for (let at = 3; at < picture.data.length; at += 4) picture.data[at] = 255;
  let left = 0;
  for (const p of panels) {
    paint(picture, p, left, low, high);
    left += p.width + GAP_PX;
  }
  return PNG.sync.write(picture, { colorType: 2, filterType: 1 });
}

interface Box { readonly min: readonly number[]; readonly max: readonly number[] }

/** The patient-space box around all voxels, whole voxels included, mm. */
function boxMm(geometry: VolumeGeometry): Box {
  const corners = [0, 1].flatMap(k => [0, 1].flatMap(j => [0, 1].map(i =>
    voxelToPatient(geometry, [k, j, i].map((end, axis) => (end === 0 ? -0.5 : geometry.shape[axis]! - 0.5)) as unknown as Vec3))));
  const of = (pick: (...values: number[]) => number) => [0, 1, 2].map(axis => pick(...corners.map(c => c[axis]!)));
  return { min: of(Math.min), max: of(Math.max) };
}

/** For each patient axis the coordinate, mm, at which the tumour's cross-section is largest; undefined without tumour. */
function levels({ geometry, labels }: LabelMap): number[] | undefined {
  const { shape: [slices, rows, columns], originMm: o, stepsMm: [a, b, c] } = geometry;
  const { min, max } = boxMm(geometry);
  const areas = min.map((least, axis) => new Int32Array(Math.ceil(max[axis]! - least) + 1));
  let found = false;
  for (let k = 0, n = 0; k < slices; k++) for (let j = 0; j < rows; j++) for (let i = 0; i < columns; i++, n++) {
    if (labels[n] === 0) continue;
    found = true;
    for (let axis = 0; axis < 3; axis++) areas[axis]![Math.round(o[axis]! + k * a[axis]! + j * b[axis]! + i * c[axis]! - min[axis]!)]!++;
  }
  return found ? areas.map((area, axis) => min[axis]! + area.indexOf(Math.max(...area))) : undefined;
}

interface Panel {
  readonly view: View;
  readonly width: number;
  readonly height: number;
  /** [row, column] */
  readonly grey: Float32Array;
  readonly labels: Uint8Array;
}

function panel(labelMap: LabelMap, backdrop: Backdrop, view: View, levelMm: number, box: Box, pixelMm: number): Panel {
  const extent = (direction: Vec3) => direction.reduce((sum, d, axis) => sum + Math.abs(d) * (box.max[axis]! - box.min[axis]!), 0);
  const [width, height] = [Math.round(extent(view.right) / pixelMm), Math.round(extent(view.down) / pixelMm)];
  const corner = [0, 1, 2].map(axis => {
    if (axis === view.through) return levelMm;
    return view.right[axis]! + view.down[axis]! > 0 ? box.min[axis]! : box.max[axis]!;
  });
  const centre = corner.map((c, axis) => c + (view.right[axis]! + view.down[axis]!) * (pixelMm / 2)) as unknown as Vec3;
  const walk = (geometry: VolumeGeometry) => ({
    from: patientToVoxel(geometry, centre), right: indexStep(geometry, view.right, pixelMm), down: indexStep(geometry, view.down, pixelMm), width, height,
  });
  const labels = sampleNearest(labelMap.geometry, labelMap.labels, walk(labelMap.geometry));
  if ('image' in backdrop) return { view, width, height, grey: sample(backdrop.image, walk(backdrop.image.geometry)), labels };
  const around = (mask: ArrayLike<number>, mm: number) => shareAround(mask, width, height, mm / pixelMm);
  const brain = around(sampleNearest(backdrop.outlineOf.geometry, backdrop.outlineOf.voxels, walk(backdrop.outlineOf.geometry)), SMOOTH_MM.brain);
  const inside = Uint8Array.from(brain, share => (share > 0.5 ? 1 : 0));
  keepLargest(inside, [1, height, width]);
  const segments = SEGMENTS.map((_, n) => around(labels.map(label => Number(label === n + 1)), SMOOTH_MM.segments));
  const smooth = labels.map((_, at) => (brain[at]! < NEAR_BRAIN ? 0 : most(segments, at)));
  return { view, width, height, grey: Float32Array.from(inside, is => is * OUTLINE_GREY), labels: convex(smooth, width) };
}

/** The whole tumour, its core and the necrosis, each piece of them up to its convex hull: the outermost first. */
function convex(labels: Uint8Array, width: number): Uint8Array {
  const drawn = new Uint8Array(labels.length);
  for (const [label, region] of [[EDEMA, [EDEMA, ENHANCING, NECROTIC]], [ENHANCING, [ENHANCING, NECROTIC]], [NECROTIC, [NECROTIC]]] as const) {
    const pieces = convexPieces(labels.map(found => Number((region as readonly number[]).includes(found))), width);
    pieces.forEach((inside, at) => { if (inside === 1) drawn[at] = label; });
  }
  return drawn;
}

/** The segment that has the largest share, where all together have most; else 0. */
function most(segments: readonly Float32Array[], at: number): number {
  let [sum, largest] = [0, 0];
  for (let n = 0; n < segments.length; n++) {
    sum += segments[n]![at]!;
    if (segments[n]![at]! > segments[largest]![at]!) largest = n;
  }
  return sum > 0.5 ? largest + 1 : 0;
}

/** Of the surroundings of each pixel, as a smooth window weighs them, how much is marked. @param mask [row, column] */
function shareAround(mask: ArrayLike<number>, width: number, height: number, px: number): Float32Array {
  let share: Float32Array = Float32Array.from(mask);
  if (!share.includes(1)) return share;
  const radius = Math.max(1, Math.round(px / 2));
  // boxes three times over are close to a Gaussian
  for (let pass = 0; pass < 3; pass++) share = boxMean(boxMean(share, height, width, width, 1, radius), width, height, 1, width, radius);
  return share;
}

/** Mean of the `2 × radius + 1` values around each along every line; past its ends as at them. */
function boxMean(values: Float32Array, lines: number, length: number, lineStep: number, step: number, radius: number): Float32Array {
  const means = new Float32Array(values.length);
  const last = length - 1;
  for (let line = 0; line < lines; line++) {
    const start = line * lineStep;
    let sum = values[start]! * (radius + 1);
    for (let n = 1; n <= radius; n++) sum += values[start + Math.min(n, last) * step]!;
    for (let n = 0; n < length; n++) {
      means[start + n * step] = sum / (2 * radius + 1);
      sum += values[start + Math.min(n + radius + 1, last) * step]! - values[start + Math.max(n - radius, 0) * step]!;
    }
  }
  return means;
}

/** A plane as a voxel grid sees it: continuous indices [slice, row, column] of its first pixel and from pixel to pixel. */
interface Walk {
  readonly from: Vec3;
  readonly right: Vec3;
  readonly down: Vec3;
  readonly width: number;
  readonly height: number;
}

function indexStep(geometry: VolumeGeometry, direction: Vec3, mm: number): Vec3 {
  return subtract(patientToVoxel(geometry, scale(direction, mm)), patientToVoxel(geometry, [0, 0, 0]));
}

/** Trilinear; within half a voxel beyond the outermost centres as at them, farther out 0. */
function sample({ geometry: { shape: [slices, rows, columns] }, voxels }: Volume, { from, right, down, width, height }: Walk): Float32Array {
  const grey = new Float32Array(width * height);
  for (let row = 0, n = 0; row < height; row++) {
    for (let column = 0; column < width; column++, n++) {
      const z = from[0] + column * right[0] + row * down[0];
      const y = from[1] + column * right[1] + row * down[1];
      const x = from[2] + column * right[2] + row * down[2];
      if (z < -0.5 || y < -0.5 || x < -0.5 || z > slices - 0.5 || y > rows - 0.5 || x > columns - 0.5) continue;
      const k = Math.max(Math.floor(z), 0), j = Math.max(Math.floor(y), 0), i = Math.max(Math.floor(x), 0);
      const k1 = Math.min(k + 1, slices - 1), j1 = Math.min(j + 1, rows - 1), i1 = Math.min(i + 1, columns - 1);
      const c = Math.max(z - k, 0), b = Math.max(y - j, 0), a = Math.max(x - i, 0);
      const line = (kk: number, jj: number) => {
        const start = (kk * rows + jj) * columns;
        return voxels[start + i]! * (1 - a) + voxels[start + i1]! * a;
      };
      grey[n] = (line(k, j) * (1 - b) + line(k, j1) * b) * (1 - c) + (line(k1, j) * (1 - b) + line(k1, j1) * b) * c;
    }
  }
  return grey;
}

function sampleNearest({ shape: [slices, rows, columns] }: VolumeGeometry, labels: Uint8Array, { from, right, down, width, height }: Walk): Uint8Array {
  const sampled = new Uint8Array(width * height);
  for (let row = 0, n = 0; row < height; row++) {
    for (let column = 0; column < width; column++, n++) {
      const k = Math.round(from[0] + column * right[0] + row * down[0]);
      const j = Math.round(from[1] + column * right[1] + row * down[1]);
      const i = Math.round(from[2] + column * right[2] + row * down[2]);
      if (k >= 0 && j >= 0 && i >= 0 && k < slices && j < rows && i < columns) sampled[n] = labels[(k * rows + j) * columns + i]!;
    }
  }
  return sampled;
}

/** The grey values that become black and white: of what is not background, all but the extremes. */
function window(greys: readonly Float32Array[]): [low: number, high: number] {
  const images = greys.map(grey => grey.filter((v, n) => v !== 0 && n % WINDOW_STRIDE === 0));
  const values = new Float32Array(images.reduce((sum, image) => sum + image.length, 0));
  images.reduce((at, image) => (values.set(image, at), at + image.length), 0);
  if (values.length === 0) return [0, 1];
  const [low, high] = quantiles(values, [DARKEST, BRIGHTEST]) as [number, number];
  return [Math.min(low, 0), high > Math.min(low, 0) ? high : low + 1];
}

function paint(picture: PNG, { view, width, height, grey, labels }: Panel, left: number, low: number, high: number): void {
  const { data, width: across } = picture;
  const differs = (row: number, column: number, label: number) =>
    row < 0 || column < 0 || row >= height || column >= width || labels[row * width + column] !== label;
  for (let row = 0, n = 0; row < height; row++) {
    for (let column = 0; column < width; column++, n++) {
      const shade = Math.min(Math.max((grey[n]! - low) / (high - low), 0), 1) * 255;
      const label = labels[n]!;
      const edge = label !== 0 && (differs(row - 1, column, label) || differs(row + 1, column, label) || differs(row, column - 1, label) || differs(row, column + 1, label));
      const rgb = label === 0 ? undefined : SEGMENTS[label - 1]!.rgb;
      const fill = edge ? 1 : FILL;
      const at = (row * across + left + column) * 4;
      for (let c = 0; c < 3; c++) data[at + c] = Math.round(rgb ? rgb[c]! * fill + shade * (1 - fill) : shade);
    }
  }
  GLYPHS[view.leftSide].forEach((bits, y) => {
    for (let x = 0; x < 5; x++) {
      if ((bits >> (4 - x)) & 1) for (const [dy, dx] of [[0, 0], [0, 1], [1, 0], [1, 1]] as const) data.fill(200, ((6 + 2 * y + dy) * across + left + 6 + 2 * x + dx) * 4, ((6 + 2 * y + dy) * across + left + 6 + 2 * x + dx) * 4 + 3);
    }
  });
}
