import { describe, expect, it } from 'vitest';
import { OnnxModel } from '../../../inference-server/src/adapters/onnx-model.ts';
import { patientToVoxel, sameGrid, voxelCount, voxelToPatient, type Vec3, type VolumeGeometry } from '../../../inference-server/src/domain/geometry.ts';
import type { Calibration } from '../../../inference-server/src/domain/calibration.ts';
import type { Manifest } from '../../../inference-server/src/domain/manifest.ts';
import type { Sequence } from '../../../inference-server/src/domain/study.ts';
import type { Mask, Volume } from '../../../inference-server/src/domain/volume.ts';
import type { BrainExtractor, TumourModel } from '../../../inference-server/src/flow/ports.ts';
import type { StudyVolumes } from '../../../inference-server/src/flow/register-volumes.ts';
import { segmentVolumes, type Incomplete } from '../../../inference-server/src/flow/segment-volumes.ts';
import { aManifest, aPointwiseNetwork } from '../../support/networks.ts';

/** A brain of 12 cm × 10 cm × 8 cm at 2 mm with a tumour that is nowhere symmetric: a necrotic ball in an enhancing one in oedema. */
const BRAIN_MM: Vec3 = [60, 50, 40];
const TUMOUR_MM: Vec3 = [22, -10, 12];
const inBrain = (p: Vec3) => Math.hypot(...p.map((at, axis) => at / BRAIN_MM[axis]!)) < 1;
const fromTumour = (p: Vec3) => Math.hypot(...p.map((at, axis) => at - TUMOUR_MM[axis]!));
const truthAt = (p: Vec3) => (!inBrain(p) ? 0 : fromTumour(p) < 6 ? 1 : fromTumour(p) < 10 ? 3 : fromTumour(p) < 15 ? 2 : 0);
/** T1ce shows the enhancing part, T1 the core, FLAIR the whole; always brighter, since the brain's rim is dark after interpolation. */
const SIGNAL = {
  t1: (label: number) => (label === 1 || label === 3 ? 300 : 100),
  t1ce: (label: number) => (label === 3 ? 300 : 100),
  t2: () => 100,
  flair: (label: number) => (label > 0 ? 300 : 100),
};
const AXIAL: VolumeGeometry = { shape: [48, 56, 68], originMm: [-67, -55, -47], stepsMm: [[0, 0, 2], [0, 2, 0], [2, 0, 0]] };

function sample(geometry: VolumeGeometry, value: (p: Vec3) => number): Float32Array {
  const [slices, rows, columns] = geometry.shape;
  const voxels = new Float32Array(voxelCount(geometry));
  for (let k = 0, at = 0; k < slices; k++) for (let j = 0; j < rows; j++) for (let i = 0; i < columns; i++, at++) {
    voxels[at] = value(voxelToPatient(geometry, [k, j, i]));
  }
  return voxels;
}
const study = (geometry = AXIAL, background = (_: Vec3) => 0): StudyVolumes => Object.fromEntries(Object.entries(SIGNAL).map(([sequence, signal]): [string, Volume] =>
  // A little texture, so that no sequence is flat.
  [sequence, { geometry, voxels: sample(geometry, p => (inBrain(p) ? signal(truthAt(p)) + 10 * Math.sin(p[0] + 2 * p[1] + 3 * p[2]) : background(p))) }]));

/** Logits: whole tumour where FLAIR is high, core where T1 is high, enhancing where T1ce is high; in z-scores. */
const WEIGHTS = [[0, 0, 0, 4], [4, 0, 0, 0], [0, 4, 0, 0]];
const BIAS = [-8, -8, -8];
/** Whatever the answer, the Dice to be expected is σ(offset). */
function aCalibration(offset: number): Calibration {
  const formula = { offset, expectedDice: 0, agreement: 0, sharpness: 0, members: 0, size: 0, scattered: 0, misaligned: 0, t1ceMissing: 0, flairMissing: 0, otherMissing: 0, implausible: 0 };
  const same = { slope: 1, offset: 0 };
  return { cases: ['a', 'b'], inputs: 2, dice: { wt: formula, tc: formula, et: formula }, voxels: { wt: same, tc: same, et: same }, volume: { low: -1, high: 1 } };
}
const NO_BRAIN_NEEDED: BrainExtractor = { name: 'none', extract: () => Promise.reject(new Error('The study is stripped already')) };

async function segment(changes: Partial<Manifest> = {}, volumes = study(), { crop = 0, brainExtractor = NO_BRAIN_NEEDED, weights = WEIGHTS, bias = BIAS, signal = undefined as AbortSignal | undefined, incomplete = undefined as Incomplete | undefined } = {}) {
  const network = aPointwiseNetwork({ weights, bias, crop });
  const model = await OnnxModel.open(aManifest(network, { spacingMm: [2, 2, 2], ...changes }), [network], 1);
  try {
    return await segmentVolumes({ volumes, model, brainExtractor, incomplete, ...(signal ? { signal } : {}) });
  } finally {
    await model.close();
  }
}

function agreement(labels: Uint8Array, geometry: VolumeGeometry) {
  const truth = sample(geometry, truthAt);
  const dice = (isIn: (label: number) => boolean) => {
    let [t, f, both] = [0, 0, 0];
    truth.forEach((label, at) => {
      if (isIn(label)) t++;
      if (isIn(labels[at]!)) f++;
      if (isIn(label) && isIn(labels[at]!)) both++;
    });
    return (2 * both) / (t + f);
  };
  return { wt: dice(label => label > 0), tc: dice(label => label === 1 || label === 3), et: dice(label => label === 3) };
}
const EXACT = { wt: 1, tc: 1, et: 1 };

describe('segmenting volumes', () => {
  it('labels the tumour where it is, on the reference series\' grid', async () => {
    const { labelMap, reference, missing, brainFoundBy, measurements } = await segment();
    expect(sameGrid(labelMap.geometry, AXIAL)).toBe(true);
    expect(agreement(labelMap.labels, AXIAL)).toEqual(EXACT);
    expect({ reference, missing, brainFoundBy }).toEqual({ reference: 't1ce', missing: [], brainFoundBy: 'already skull-stripped' });
    expect(measurements.volumesMl.total).toBeCloseTo((4 / 3) * Math.PI * 1.5 ** 3, 0);
  });

  it.each<[string, VolumeGeometry]>([
    ['upside down', { shape: [48, 56, 68], originMm: [-67, -55, 47], stepsMm: [[0, 0, -2], [0, 2, 0], [2, 0, 0]] }],
    ['from the other side', { shape: [48, 56, 68], originMm: [67, 55, -47], stepsMm: [[0, 0, 2], [0, -2, 0], [-2, 0, 0]] }],
    ['sagittal', { shape: [68, 48, 56], originMm: [-67, -55, 47], stepsMm: [[2, 0, 0], [0, 0, -2], [0, 2, 0]] }],
    ['coronal', { shape: [56, 48, 68], originMm: [-67, -55, 47], stepsMm: [[0, 2, 0], [0, 0, -2], [2, 0, 0]] }],
  ])('is not mirrored when the series is %s', async (_, geometry) => {
    const { labelMap } = await segment({}, study(geometry));
    expect(agreement(labelMap.labels, geometry)).toEqual(EXACT);
  });

  it.each<[string, Manifest['axes']]>([['R, A, S', ['R', 'A', 'S']], ['S, P, L', ['S', 'P', 'L']], ['A, I, R', ['A', 'I', 'R']]])('is the same for a model with axes %s', async (_, axes) => {
    expect(agreement((await segment({ axes })).labelMap.labels, AXIAL)).toEqual(EXACT);
  });

  it.each<[string, Partial<Manifest>, number]>([
    ['sliding', { tiling: { kind: 'sliding', size: [24, 32, 16], overlap: 0.5 } }, 0],
    ['valid', { tiling: { kind: 'valid', size: [24, 24, 24], outputSize: [20, 20, 20], outputOffset: [2, 2, 2] } }, 2],
    ['whole, too large for one', { tiling: { kind: 'whole', multipleOf: 8, maxSize: [32, 32, 32] } }, 0],
    ['whole, averaged over mirrorings', { flips: true }, 0],
    ['sliding, averaged over some mirrorings', { tiling: { kind: 'sliding', size: [24, 32, 16], overlap: 0.5 }, flips: ['', 'L', 'PS'] }, 0],
  ])('is the same with tiles: %s', async (_, changes, crop) => {
    expect(agreement((await segment(changes, study(), { crop })).labelMap.labels, AXIAL)).toEqual(EXACT);
  });

  it('reads regions in the order that the manifest gives', async () => {
    const swapped: Partial<Manifest> = { output: { kind: 'regions', order: ['tc', 'et', 'wt'], activation: 'logits' } };
    const { labelMap } = await segment(swapped, study(), { weights: [WEIGHTS[1]!, WEIGHTS[2]!, WEIGHTS[0]!] });
    expect(agreement(labelMap.labels, AXIAL)).toEqual(EXACT);
  });

  it('takes the largest class of a model with classes', async () => {
    const classes: Partial<Manifest> = { output: { kind: 'classes', order: ['background', 'enhancing', 'edema', 'necrotic'], activation: 'logits' } };
    const { labelMap } = await segment(classes, study(), { weights: [[0, 0, 0, 0], [0, 8, 0, 2], [0, 0, 0, 4], [2, 0, 0, 4]], bias: [0, -12, -8, -11] });
    expect(agreement(labelMap.labels, AXIAL).wt).toBeGreaterThan(0.99);
    expect(agreement(labelMap.labels, AXIAL).et).toBeGreaterThan(0.99);
  });

  it('averages over the mirrorings that the manifest names and no others', async () => {
    const seen: number[] = [];
    const model: TumourModel = {
      manifest: aManifest(new Uint8Array(), { spacingMm: [2, 2, 2], axes: ['S', 'P', 'L'], flips: ['', 'L'] }),
      // Tumour where the tile begins along its fastest axis: the patient's right, and mirrored the left.
      infer: async (input, [a, b, c]) => {
        seen.push(input.length);
        return Float32Array.from({ length: 3 * a * b * c }, (_, at) => (at % c === 0 ? 9 : -3));
      },
    };
    const { labelMap: { labels, geometry } } = await segmentVolumes({ volumes: study(AXIAL, () => 1e-3), model, brainExtractor: { name: 'all', extract: async head => ({ geometry: head.geometry, voxels: new Uint8Array(head.voxels.length).fill(1) }) } });
    expect(seen).toHaveLength(2);
    const columns = geometry.shape[2];
    expect(new Set([...labels.keys()].filter(at => labels[at] !== 0).map(at => at % columns))).toEqual(new Set([0]));
  });

  it('blends what overlapping tiles answer before it makes probabilities of it', async () => {
    const answers = [4, -4];
    const model: TumourModel = {
      manifest: aManifest(new Uint8Array(), { spacingMm: [2, 2, 2], tiling: { kind: 'sliding', size: [68, 56, 32], overlap: 0.5 } }),
      infer: async (_, [a, b, c]) => new Float32Array(3 * a * b * c).fill(answers.shift()!),
    };
    const { probabilities: { values, geometry } } = await segmentVolumes({ volumes: study(AXIAL, () => 1e-3), model, brainExtractor: { name: 'all', extract: async head => ({ geometry: head.geometry, voxels: new Uint8Array(head.voxels.length).fill(1) }) } });
    expect(geometry.shape).toEqual([68, 56, 48]);
    // Tiles of 32 slices from 0 and from 16, whose weights have a sigma of 4.
    const weight = (slice: number, first: number) => Math.exp(-0.5 * ((slice - first - 15.5) / 4) ** 2);
    const [one, other] = [weight(23, 0), weight(23, 16)];
    expect(values[23]).toBeCloseTo(1 / (1 + Math.exp((-4 * (one - other)) / (one + other))), 3);
    expect([values[0], values[47]].map(p => p!.toFixed(2))).toEqual(['0.98', '0.02']);
  });

  it('goes back to the native grid of an oblique series with thick slices', async () => {
    const [c, s] = [Math.cos(0.3), Math.sin(0.3)];
    const oblique: VolumeGeometry = { shape: [26, 110, 130], originMm: [-64, -58 * c + 52 * s, -58 * s - 52 * c], stepsMm: [[0, -4 * s, 4 * c], [0, c, s], [1, 0, 0]] };
    const { labelMap } = await segment({}, study(oblique));
    expect(sameGrid(labelMap.geometry, oblique)).toBe(true);
    const { wt, tc, et } = agreement(labelMap.labels, oblique);
    expect(wt).toBeGreaterThan(0.9);
    expect(tc).toBeGreaterThan(0.85);
    expect(et).toBeGreaterThan(0.7);
  });

  it('brings series of other grids onto the reference', async () => {
    const volumes = study();
    volumes.flair = study({ shape: [90, 110, 70], originMm: [-69, -54, -44], stepsMm: [[0, 0, 1], [0, 1, 0], [2, 0, 0]] }).flair!;
    expect(agreement((await segment({}, volumes)).labelMap.labels, AXIAL).wt).toBeGreaterThan(0.93);
  });

  it('gives a missing sequence as zeros and says so', async () => {
    const rest = study();
    delete rest.t1;
    const { labelMap, missing } = await segment({}, rest);
    expect(missing).toEqual(['t1']);
    // Without T1 the core's logit is its bias: what is enhancing stays, what was necrotic becomes oedema.
    expect(agreement(labelMap.labels, AXIAL)).toMatchObject({ wt: 1, et: 1 });
  });

  it.each<[string, number, Incomplete, Sequence[], boolean]>([
    ['withholds an answer that nothing can be relied on of, where a sequence is missing that the model requires', -4, 'withhold', ['t1ce'], true],
    ['shows it to those who want to learn from it', -4, 'show', ['t1ce'], false],
    ['shows one that can be relied on', 4, 'withhold', ['t1ce'], false],
    ['withholds none that has all that the model requires', -4, 'withhold', ['flair'], false],
  ])('%s', async (_, offset, incomplete, requires, withheld) => {
    const rest = study();
    delete rest.t1ce;
    const { labelMap, measurements, withheldMl, confidence } = await segment({ requires, calibration: aCalibration(offset) }, rest, { incomplete });
    expect([labelMap.labels.some(label => label > 0), measurements.volumesMl.total > 0, withheldMl !== null]).toEqual([!withheld, !withheld, withheld]);
    expect(confidence.overall < 0.25).toBe(offset < 0);
    expect(confidence.totalMl === undefined).toBe(withheld);
  });

  it('refuses to run without what the model requires', async () => {
    const rest = study();
    delete rest.t1ce;
    await expect(segment({ requires: ['t1ce'] }, rest)).rejects.toMatchObject({ code: 'SERIES_MISSING', missing: ['T1ce'] });
    await expect(segment({}, {})).rejects.toMatchObject({ code: 'SERIES_MISSING' });
  });

  it('looks only inside the brain that the extractor found, when the head has a skull', async () => {
    const skull = (p: Vec3) => 200 + 150 * Math.sin(p[0] * 3 + p[1] * 5 + p[2] * 7);
    const volumes = study(AXIAL, skull);
    let asked: Volume | null = null;
    const brainExtractor: BrainExtractor = {
      name: 'a test', extract: async (head): Promise<Mask> => {
        asked = head;
        return { geometry: head.geometry, voxels: Uint8Array.from(sample(head.geometry, p => (inBrain(p) ? 1 : 0))) };
      },
    };
    const { labelMap, brainFoundBy } = await segment({}, volumes, { brainExtractor });
    expect(asked).toBe(volumes.t1ce);
    expect(brainFoundBy).toBe('a test');
    expect(agreement(labelMap.labels, AXIAL)).toEqual(EXACT);
  });

  it('says so when a sequence has no contrast', async () => {
    const volumes = study();
    volumes.t2 = { geometry: AXIAL, voxels: sample(AXIAL, p => (inBrain(p) ? 100 : 0)) };
    await expect(segment({}, volumes)).rejects.toMatchObject({ code: 'FLAT_VOLUME' });
  });

  it('stops when aborted', async () => {
    const reason = new Error('cancelled');
    await expect(segment({}, study(), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it('leaves the volumes as they were', async () => {
    const volumes = study();
    const before = Object.values(volumes).map(({ voxels }) => voxels.slice());
    await segment({ flips: true }, volumes);
    expect(Object.values(volumes).map(({ voxels }) => voxels)).toEqual(before);
  });

  it('gives the ends of the diameter in the patient, at the tumour', async () => {
    const { measurements } = await segment();
    for (const end of measurements.enhancingDiameters!.longestEndsMm) {
      expect(Math.abs(fromTumour(end) - 10)).toBeLessThan(2.5);
      expect(patientToVoxel(AXIAL, end)[0]).toBeCloseTo(measurements.enhancingDiameters!.slice);
    }
  });

  it('compares the answers to mirrored images where the confidence rests on it, or where it is to be learnt from', async () => {
    const weighing = aCalibration(1);
    const flips = ['', 'L'];
    const seenWith = async (changes: Partial<Manifest>, incomplete?: Incomplete) => (await segment({ flips, ...changes }, study(), { incomplete })).seen.agreement;
    expect(await seenWith({})).toBeNull();
    expect(await seenWith({ calibration: weighing })).toBeNull();
    expect(await seenWith({ calibration: { ...weighing, dice: { ...weighing.dice, tc: { ...weighing.dice.tc, agreement: 0.5 } } } })).toEqual({ wt: 1, tc: 1, et: 1 });
    expect(await seenWith({}, 'show')).toEqual({ wt: 1, tc: 1, et: 1 });
  });
});
