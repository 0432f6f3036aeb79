import { z } from 'zod';
import { Calibration } from './calibration.ts';
import { SEQUENCES } from './study.ts';

const Positive = z.number().positive();
const Size3 = z.tuple([z.int().positive(), z.int().positive(), z.int().positive()]);
const Offset3 = z.tuple([z.int().nonnegative(), z.int().nonnegative(), z.int().nonnegative()]);
const isOrdered = ([low, high]: [number, number]): boolean => low < high;
const ORDERED = 'must be two numbers, the smaller one first';

/** How a volume becomes a channel. */
const Normalisation = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('z-score').describe('(v − mean) / sd over the brain; background 0'),
    clip: z.tuple([z.number(), z.number()]).refine(isOrdered, ORDERED).optional().describe('limits after scaling, in standard deviations'),
  }),
  z.strictObject({
    kind: z.literal('z-score-trimmed').describe('mean and sd over the brain voxels within the two quantiles; applied to the whole image, background included'),
    quantiles: z.tuple([z.number().min(0).max(1), z.number().min(0).max(1)]).refine(isOrdered, ORDERED),
  }),
]);

/** How the network is run over a brain. */
const Tiling = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('whole').describe("the brain's box, padded to a multiple, in one go"),
    multipleOf: z.int().positive(),
    maxSize: Size3.describe('larger boxes are tiled with this size'),
  }).refine(({ multipleOf, maxSize }) => maxSize.every(n => n % multipleOf === 0), { path: ['maxSize'], message: 'must be multiples of multipleOf, since a larger brain is read in tiles of this size' }),
  z.strictObject({
    kind: z.literal('sliding').describe('overlapping tiles, whose answers are blended with Gaussian weights, before any activation'),
    size: Size3,
    overlap: z.number().min(0).max(0.9),
  }),
  z.strictObject({
    kind: z.literal('valid').describe('the output is the inner part of the tile; tiles abut'),
    size: Size3,
    outputSize: Size3,
    outputOffset: Offset3.describe('tile voxel that the first output voxel belongs to'),
  }).refine(({ size, outputSize, outputOffset }) => outputOffset.every((offset, axis) => offset + outputSize[axis]! <= size[axis]!), { path: ['outputOffset'], message: 'must leave the answer (outputSize) within the tile (size)' }),
]);

/** What the network answers. */
const Output = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('regions').describe('one logit per nested region; sigmoid'),
    order: z.array(z.enum(['wt', 'tc', 'et'])).refine(order => order.length === 3 && new Set(order).size === 3, 'must name each of wt, tc and et once; networks of fewer regions are not supported'),
    activation: z.enum(['logits', 'probabilities']),
  }),
  z.strictObject({
    kind: z.literal('classes').describe('one channel per class; arg max'),
    order: z.array(z.enum(['background', 'necrotic', 'edema', 'enhancing'])).min(2)
      .refine(order => order.includes('background'), 'must name the background: without it every voxel would be tumour')
      .refine(order => order.some(name => name !== 'background'), 'must name at least one of necrotic, edema and enhancing'),
    activation: z.enum(['logits', 'probabilities']),
  }),
]);

const Axis = z.enum(['L', 'R', 'P', 'A', 'S', 'I']);
const LINES = ['LR', 'PA', 'SI'];
const areOneOfEach = (axes: string[]): boolean => LINES.every(line => axes.some(axis => line.includes(axis)));

const areDifferent = (names: readonly string[]): boolean => new Set(names).size === names.length;

const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const FileName = z.string().regex(/^[\w-][\w.-]*$/, 'must be the name of a file beside the manifest');

/** A set of axes, each at most once; `''` is the image as it is. */
const Mirroring = z.string().regex(/^(?!.*(.).*\1)[LRPASI]{0,3}$/, 'must name axes of the model, each once');

const ManifestFields = z.strictObject({
  id: z.string().regex(/^[a-z0-9][a-z0-9-]{1,63}$/),
  version: z.string().regex(/^\d+\.\d+\.\d+$/),
  title: z.string().min(1),
  channels: z.array(z.enum(SEQUENCES, 'must be t1, t1ce, t2 or flair: other sequences are not supported')).min(1).refine(areDifferent, 'must name each sequence once').describe('order of the input channels'),
  requires: z.array(z.enum(SEQUENCES)).describe('sequences without which the model must not run; a missing other one is an all-zero channel'),
  axes: z.tuple([Axis, Axis, Axis]).refine(areOneOfEach, 'must be one of L and R, one of P and A, one of S and I, in the order of the input').describe('patient direction in which each spatial input axis increases, slowest axis first'),
  spacingMm: z.tuple([Positive, Positive, Positive]),
  skullStripped: z.boolean().describe('whether the model expects only the brain'),
  inputName: z.string(),
  outputName: z.string(),
  normalisation: Normalisation,
  tiling: Tiling,
  flips: z.union([z.boolean(), z.array(Mirroring).min(1)]).default(false)
    .describe('average over mirrored inputs: each entry names the `axes` along which one is mirrored; true: all eight'),
  output: Output,
  file: FileName.default('model.onnx'),
  sha256: Sha256.optional().describe('of the file; absent where `files` are given'),
  files: z.array(z.strictObject({ file: FileName, sha256: Sha256, source: z.string().optional() })).min(2).optional()
    .describe('an ensemble: several networks of one kind whose answers are averaged'),
  externalData: z.array(z.strictObject({ file: FileName, sha256: Sha256, source: z.string().optional() })).min(1).optional()
    .describe('files with weights that a network names instead of holding them, by the names that it gives them'),
  source: z.string().optional().describe('where `models get` finds the file when it is not beside the manifest'),
  licence: z.string().min(1),
  training: z.strictObject({ cases: z.array(z.string()), note: z.string() }),
  evaluation: z.array(z.strictObject({
    data: z.string(),
    cases: z.int().positive(),
    dice: z.strictObject({ wt: z.number(), tc: z.number(), et: z.number() }),
  })),
  calibration: Calibration.optional().describe('how the confidence follows from the answer; without it the model\'s own probabilities are all there is'),
});
export const Manifest = ManifestFields
  .refine(({ sha256, files }) => (sha256 === undefined) !== (files === undefined), { path: ['sha256'], message: 'give either sha256 (one file) or files (an ensemble)' })
  .refine(({ file, files, externalData = [] }) => areDifferent([...(files ?? [{ file }]), ...externalData].map(one => one.file)), { path: ['files'], message: 'files and externalData must all have different names' })
  .refine(({ flips, axes }) => typeof flips === 'boolean' || (new Set(flips.map(sorted)).size === flips.length && flips.every(flip => [...flip].every(axis => (axes as string[]).includes(axis)))),
    { path: ['flips'], message: 'must name axes of `axes`, no mirroring twice' })
  .superRefine(({ channels, requires }, context) => {
    const unread = requires.filter(sequence => !channels.includes(sequence));
    if (unread.length > 0) context.addIssue({ code: 'custom', path: ['requires'], message: `${unread.join(', ')} is not one of the channels` });
  });
/** The facts of a model that the code needs; `models/<id>/manifest.json`. */
export type Manifest = Readonly<z.infer<typeof Manifest>>;

/** One network's file, beside the manifest. */
export interface ModelFile {
  readonly file: string;
  readonly sha256: string;
  readonly source?: string | undefined;
}

/** The networks of a model: one, or those of an ensemble. */
export const networksOf = ({ file, sha256, files, source }: Manifest): readonly ModelFile[] => files ?? [{ file, sha256: sha256!, source }];

/** All files of a model: its networks, then what they keep their weights in. */
export const filesOf = (manifest: Manifest): readonly ModelFile[] => [...networksOf(manifest), ...(manifest.externalData ?? [])];

/** The mirrorings whose answers are averaged, as sets of axes: bit 0 the slowest, bit 2 the fastest. */
export function mirroringsOf({ flips, axes }: Pick<Manifest, 'flips' | 'axes'>): readonly number[] {
  if (typeof flips === 'boolean') return flips ? [0, 1, 2, 3, 4, 5, 6, 7] : [0];
  return flips.map(flip => axes.reduce((bits, axis, index) => bits | (flip.includes(axis) ? 1 << index : 0), 0));
}

const sorted = (letters: string): string => [...letters].sort().join('');
