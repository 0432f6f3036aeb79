import { parentPort, workerData } from 'node:worker_threads';
import { elastixNode } from '@itk-wasm/elastix';
import { centreOf, norm, scale, spacingMm, subtract, type Vec3, type VolumeGeometry } from '../domain/geometry.ts';
import { IDENTITY, transformPoint, type RigidTransform } from '../domain/rigid-transform.ts';
import type { Volume } from '../domain/volume.ts';
import { similarity } from '../steps/mutual-information.ts';
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
const parameters = (reference: Volume, moving: Volume, atCentres: boolean) => ({
  AutomaticParameterEstimation: ['true'], AutomaticScalesEstimation: ['true'],
  AutomaticTransformInitialization: [String(atCentres)], AutomaticTransformInitializationMethod: ['GeometricalCenter'],
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

/** Another frame of reference may still be near: the scanner's coordinates are taken unless laying the centres on each other fits better. */
function centresFitBetter(reference: Volume, moving: Volume): boolean {
  const fit = similarity(reference, moving);
  return fit({ ...IDENTITY, translationMm: subtract(centreOf(moving.geometry), centreOf(reference.geometry)) }) > fit(IDENTITY);
}

async function answer({ reference, moving, sameFrame }: RegistrationTask): Promise<RegistrationAnswer> {
  const [fixed, other] = [shrinkTo(reference, FINEST_MM), shrinkTo(moving, FINEST_MM)];
  const atCentres = !sameFrame && centresFitBetter(fixed, other);
  const { transformParameterObject } = await elastixNode([parameters(fixed, other, atCentres)] as never, { fixed: toImage(fixed), moving: toImage(other) });
  const map = (transformParameterObject as Record<string, string[]>[]).at(-1);
  return map?.['TransformParameters'] ? { transform: fromEuler(map) } : { error: 'elastix found no transform' };
}

answer(workerData as RegistrationTask).then(
  found => parentPort!.postMessage(found),
  cause => parentPort!.postMessage({ error: String(cause) } satisfies RegistrationAnswer),
);
