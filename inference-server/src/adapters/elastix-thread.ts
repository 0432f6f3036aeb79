import { parentPort, workerData } from 'node:worker_threads';
import { elastixNode } from '@itk-wasm/elastix';
import { centreOf, norm, scale, spacingMm, subtract, type Vec3, type VolumeGeometry } from '../domain/geometry.ts';
import { alignGeometry, compose, IDENTITY, largestShiftMm, transformPoint, type RigidTransform } from '../domain/rigid-transform.ts';
import type { Volume } from '../domain/volume.ts';
import { similarity } from '../steps/mutual-information.ts';
import { nearestFit } from '../steps/nearest-fit.ts';
import { shrinkTo } from '../steps/shrink.ts';
import type { RegistrationAnswer, RegistrationTask } from './elastix-registration.ts';

/** Voxel sizes of the resolutions, coarse to fine, mm. */
const LEVELS_MM = [4, 2, 1];
const FINEST_MM = 1;

type Image = NonNullable<NonNullable<Parameters<typeof elastixNode>[1]>['fixed']>;

/** Columns vary fastest in memory in both: elastix's x, y, z are column, row and slice. */
function toImage({ geometry, voxels }: Volume): Image {
  const [k, j, i] = geometry.shape;
  const [sk, sj, si] = spacingMm(geometry);
  const [slice, row, column] = geometry.stepsMm.map(step => scale(step, 1 / norm(step))) as [Vec3, Vec3, Vec3];
  return {
    imageType: { dimension: 3, componentType: 'float32', pixelType: 'Scalar', components: 1 },
    name: '', metadata: new Map(),
    origin: [...geometry.originMm], spacing: [si, sj, sk], size: [i, j, k],
    direction: new Float64Array([0, 1, 2].flatMap(axis => [column[axis]!, row[axis]!, slice[axis]!])),
    data: voxels,
  } as Image;
}

/** Shrink factors per resolution for x, y, z, so that thick slices are not thinned out further. */
const schedule = (geometry: VolumeGeometry): string[] =>
  LEVELS_MM.flatMap(mm => [...spacingMm(geometry)].reverse().map(s => String(Math.max(1, Math.round(mm / s)))));

/** Mattes mutual information, 32 bins, 2048 random samples renewed at each of 200 iterations per resolution. */
const parameters = (reference: Volume, moving: Volume) => ({
  AutomaticParameterEstimation: ['true'], AutomaticScalesEstimation: ['true'],
  AutomaticTransformInitialization: ['false'],
  CheckNumberOfSamples: ['true'], DefaultPixelValue: ['0'],
  FixedImagePyramid: ['FixedShrinkingImagePyramid'], FixedImagePyramidSchedule: schedule(reference.geometry),
  MovingImagePyramid: ['MovingShrinkingImagePyramid'], MovingImagePyramidSchedule: schedule(moving.geometry),
  ImageSampler: ['RandomCoordinate'], Interpolator: ['LinearInterpolator'], MaximumNumberOfIterations: ['200'], MaximumNumberOfSamplingAttempts: ['8'],
  Metric: ['AdvancedMattesMutualInformation'], NewSamplesEveryIteration: ['true'], NumberOfResolutions: [String(LEVELS_MM.length)],
  NumberOfSamplesForExactGradient: ['4096'], NumberOfSpatialSamples: ['2048'], Optimizer: ['AdaptiveStochasticGradientDescent'],
  Registration: ['MultiResolutionRegistration'], ResampleInterpolator: ['FinalBSplineInterpolator'], FinalBSplineInterpolationOrder: ['0'],
  Resampler: ['DefaultResampler'], ResultImageFormat: ['nii'], Transform: ['EulerTransform'], WriteIterationInfo: ['false'], WriteResultImage: ['false'],
});

/** Euler angles and shift about a centre, as elastix writes them, to a matrix. */
function fromEuler(map: Record<string, string[] | undefined>): RigidTransform {
  const [rx, ry, rz, ...shift] = map['TransformParameters']!.map(Number) as [number, number, number, number, number, number];
  const centre = map['CenterOfRotationPoint']!.map(Number) as unknown as Vec3;
  const x: Matrix = [[1, 0, 0], [0, Math.cos(rx), -Math.sin(rx)], [0, Math.sin(rx), Math.cos(rx)]];
  const y: Matrix = [[Math.cos(ry), 0, Math.sin(ry)], [0, 1, 0], [-Math.sin(ry), 0, Math.cos(ry)]];
  const z: Matrix = [[Math.cos(rz), -Math.sin(rz), 0], [Math.sin(rz), Math.cos(rz), 0], [0, 0, 1]];
  const rotation = map['ComputeZYX']?.[0] === 'true' ? times(times(z, y), x) : times(times(z, x), y);
  const turned = transformPoint({ rotation, translationMm: [0, 0, 0] }, centre);
  return { rotation, translationMm: [0, 1, 2].map(a => centre[a]! + shift[a]! - turned[a]!) as unknown as Vec3 };
}
type Matrix = RigidTransform['rotation'];
const times = (a: Matrix, b: Matrix): Matrix =>
  a.map(row => [0, 1, 2].map(n => row[0] * b[0][n]! + row[1] * b[1][n]! + row[2] * b[2][n]!)) as unknown as Matrix;

/** Sampling for a first look at a start, mm; a look at a result is finer. */
const COARSE_MM = 8;
/** Steps from a start toward a better one, and from a result to see whether it is one, mm at the head's surface. */
const [START_STEPS_MM, RESULT_STEPS_MM] = [[8, 4], [4, 2]];
/** What the look at a result can't tell apart, mm. */
const SAME_PLACE_MM = 2;

/** The best place to start from near the scanner's coordinates and, where the frames of reference differ, near the centres laid on each other. */
function startOf(reference: Volume, moving: Volume, sameFrame: boolean): RigidTransform {
  const fit = similarity(reference, moving, COARSE_MM);
  const starts = [IDENTITY, ...(sameFrame ? [] : [{ ...IDENTITY, translationMm: subtract(centreOf(moving.geometry), centreOf(reference.geometry)) }])];
  const near = starts.map(start => nearestFit(reference, fit, start, START_STEPS_MM));
  return [...starts, ...near].reduce((best, next) => (fit(next) > fit(best) ? next : best));
}

async function register(fixed: Volume, moving: Volume, start: RigidTransform): Promise<RigidTransform | null> {
  const image = toImage({ ...moving, geometry: alignGeometry(moving.geometry, start) });
  const { transformParameterObject } = await elastixNode([parameters(fixed, moving)] as never, { fixed: toImage(fixed), moving: image });
  const map = (transformParameterObject as Record<string, string[]>[]).at(-1);
  return map?.['TransformParameters'] ? compose(start, fromEuler(map)) : null;
}

/** Registers, and once more from the better place where there is one near the result: random sampling can lead elsewhere. */
async function answer({ reference, moving, sameFrame }: RegistrationTask): Promise<RegistrationAnswer> {
  const [fixed, other] = [shrinkTo(reference, FINEST_MM), shrinkTo(moving, FINEST_MM)];
  const first = await register(fixed, other, startOf(fixed, other, sameFrame));
  if (!first) return { error: 'elastix found no transform' };
  const fit = similarity(fixed, other);
  const better = nearestFit(fixed, fit, first, RESULT_STEPS_MM);
  if (largestShiftMm(fixed.geometry, first, better) <= SAME_PLACE_MM) return { transform: first };
  const second = await register(fixed, other, better) ?? better;
  return { transform: [first, better, second].reduce((best, next) => (fit(next) > fit(best) ? next : best)) };
}

answer(workerData as RegistrationTask).then(
  found => parentPort!.postMessage(found),
  cause => parentPort!.postMessage({ error: String(cause) } satisfies RegistrationAnswer),
);
