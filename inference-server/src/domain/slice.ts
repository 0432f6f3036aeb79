import type { Vec3 } from './geometry.ts';
import type { FrameOfReferenceUid, InstanceUid } from './uid.ts';

/** One decoded image of a series: a frame with its place in patient space. */
export interface Slice {
  readonly instanceUid: InstanceUid;
  /** 1-based frame of a multi-frame instance; 1 for classic ones. */
  readonly frame: number;
  readonly frameOfReferenceUid: FrameOfReferenceUid | null;
  readonly rows: number;
  readonly columns: number;
  /** ImagePositionPatient: centre of the first voxel, LPS mm. */
  readonly positionMm: Vec3;
  /** Unit direction in which the column index increases (first three of ImageOrientationPatient). */
  readonly columnDirection: Vec3;
  /** Unit direction in which the row index increases (last three). */
  readonly rowDirection: Vec3;
  /** Distance between rows and between columns (PixelSpacing), mm. */
  readonly pixelSpacingMm: readonly [number, number];
  readonly acquisitionNumber: number | null;
  readonly temporalPosition: number | null;
  /** EchoTime, or EffectiveEchoTime of an Enhanced image, ms. */
  readonly echoTimeMs: number | null;
  /** Magnitude before phase, real and imaginary images, which some scanners put into the same series. */
  readonly component: 0 | 1 | 2 | 3;
  /** Stored values [row, column]; the real value is `stored * slope + intercept`. */
  readonly stored: Uint8Array | Int8Array | Uint16Array | Int16Array;
  readonly slope: number;
  readonly intercept: number;
  /** MONOCHROME1: bright means low; the volume builder turns it over. */
  readonly inverted: boolean;
}

/** Where a slice of a volume comes from. */
export interface SliceSource {
  readonly instanceUid: InstanceUid;
  /** 1-based frame of a multi-frame instance; 1 for classic ones. */
  readonly frame: number;
}
