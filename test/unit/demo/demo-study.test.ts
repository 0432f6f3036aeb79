import { beforeAll, describe, expect, it } from 'vitest';
import { DEMO_STUDY_UID, demoStudyUid, demoTruth, makeDemoStudy } from '../../../demo/src/make-demo-study.ts';
import { makePhantom } from '../../../demo/src/phantom/make-phantom.ts';
import type { Phantom } from '../../../demo/src/phantom/make-phantom.ts';
import { readHeader, readSlices } from '../../../inference-server/src/dicom/read-instance.ts';
import type { InstanceHeader } from '../../../inference-server/src/dicom/read-instance.ts';
import { cross, dot, sameGrid, voxelToPatient } from '../../../inference-server/src/domain/geometry.ts';
import type { LabelMap } from '../../../inference-server/src/domain/label-map.ts';
import { SEQUENCES } from '../../../inference-server/src/domain/study.ts';
import type { Sequence, Series } from '../../../inference-server/src/domain/study.ts';
import type { SeriesUid } from '../../../inference-server/src/domain/uid.ts';
import { buildVolume } from '../../../inference-server/src/steps/build-volume.ts';
import { selectSeries } from '../../../inference-server/src/steps/select-series.ts';

interface StoredSeries { readonly headers: InstanceHeader[]; readonly files: Uint8Array[] }

const stored = new Map<SeriesUid, StoredSeries>();
let phantom: Phantom;
let truth: LabelMap;
let used: Partial<Record<Sequence, SeriesUid>>;
const filesOf = (sequence: Sequence): Uint8Array[] => stored.get(used[sequence]!)!.files;
const volumeOf = async (sequence: Sequence) => buildVolume((await Promise.all(filesOf(sequence).map(readSlices))).flat()).volume;

beforeAll(async () => {
  for await (const { sopInstanceUid, bytes } of makeDemoStudy()) {
    truth ??= demoTruth();
    const header = readHeader(bytes);
    expect(header.instance.uid).toBe(sopInstanceUid);
    const series = stored.get(header.seriesUid) ?? { headers: [], files: [] };
    series.headers.push(header);
    series.files.push(bytes);
    stored.set(header.seriesUid, series);
  }
  const series = [...stored].map(([uid, { headers }]): Series => ({
    uid, studyUid: headers[0]!.studyUid, frameOfReferenceUid: headers[0]!.frameOfReferenceUid, attributes: headers[0]!.attributes,
    instances: headers.map(({ instance }) => instance),
  }));
  used = selectSeries({ uid: DEMO_STUDY_UID, series }, SEQUENCES).used;
  phantom = makePhantom();
}, 300_000);

describe('the demo study', () => {
  it('has four series of 168 slices in one study and one frame of reference', () => {
    const headers = [...stored.values()].flatMap(series => series.headers);
    expect([...stored.values()].map(({ files }) => files.length)).toEqual([168, 168, 168, 168]);
    expect(new Set(headers.map(({ studyUid }) => studyUid))).toEqual(new Set([DEMO_STUDY_UID]));
    expect(new Set(headers.map(({ frameOfReferenceUid }) => frameOfReferenceUid)).size).toBe(1);
    expect(new Set(headers.map(({ instance }) => instance.uid)).size).toBe(672);
  });

  it('is identified as T1, T1ce, T2 and FLAIR by its tags', () => {
    expect(new Set(Object.values(used)).size).toBe(4);
    expect(stored.get(used.t1ce!)!.headers[0]!.attributes.contrastBolusAgent).not.toBe('');
    expect(stored.get(used.t1!)!.headers[0]!.attributes.contrastBolusAgent).toBe('');
    expect(stored.get(used.flair!)!.headers[0]!.attributes.inversionTimeMs).toBeGreaterThan(1500);
  });

  it('is right-handed with columns to the left, rows to the back and slices to the head', async () => {
    const { geometry } = await volumeOf('t1ce');
    const [slice, row, column] = geometry.stepsMm;
    expect([column, row, slice]).toEqual([[1, 0, 0], [0, 1, 0], [0, 0, 1]]);
    expect(dot(cross(column, row), slice)).toBeGreaterThan(0);
  });

  it.each(SEQUENCES)('gives the voxels of the phantom back for %s', async sequence => {
    const { voxels } = await volumeOf(sequence);
    expect(voxels.length).toBe(phantom.images[sequence].length);
    expect(phantom.images[sequence].findIndex((value, index) => value !== voxels[index])).toBe(-1);
  });

  it('has its truth on the grid of the T1ce series', async () => {
    expect(sameGrid(truth.geometry, (await volumeOf('t1ce')).geometry)).toBe(true);
  });

  it('names another study for a case than for the phantom', () => {
    expect(demoStudyUid()).toBe(DEMO_STUDY_UID);
    expect(demoStudyUid({ caseDir: 'some/case' })).not.toBe(DEMO_STUDY_UID);
    expect(demoStudyUid({ caseDir: 'some/case' })).toBe(demoStudyUid({ caseDir: 'elsewhere/case/' }));
  });
});

describe('the phantom', () => {
  it('is the same whenever it is computed', () => {
    expect(phantom.truth.labels === truth.labels).toBe(false);
    expect(Buffer.compare(phantom.truth.labels, truth.labels)).toBe(0);
  });

  it("has its whole tumour in the patient's left half, inside the brain", () => {
    const { geometry, labels } = phantom.truth;
    const [, rows, columns] = geometry.shape;
    let leftmost = Infinity;
    let outside = 0;
    labels.forEach((label, index) => {
      if (label === 0) return;
      const [x] = voxelToPatient(geometry, [Math.floor(index / (rows * columns)), Math.floor(index / columns) % rows, index % columns]);
      leftmost = Math.min(leftmost, x);
      if (phantom.brain.voxels[index] === 0) outside++;
    });
    expect(leftmost).toBeGreaterThan(0);
    expect(outside).toBe(0);
  });

  it('has a necrotic core, oedema and an enhancing rim of a size that is seen in patients', () => {
    const volumesMl = [1, 2, 3].map(label => phantom.truth.labels.reduce((sum, value) => sum + (value === label ? 1 : 0), 0) / 1000);
    for (const volumeMl of volumesMl) expect(volumeMl).toBeGreaterThan(5);
    expect(volumesMl[0]! + volumesMl[1]! + volumesMl[2]!).toBeLessThan(150);
  });

  it('shows each part of the tumour as radiologists know it', () => {
    const mean = (sequence: Sequence, label: number): number => {
      let sum = 0;
      let count = 0;
      phantom.truth.labels.forEach((value, index) => {
        if (value !== label || phantom.brain.voxels[index] === 0) return;
        sum += phantom.images[sequence][index]!;
        count++;
      });
      return sum / count;
    };
    const healthy = 0;
    const [necrotic, oedema, enhancing] = [1, 2, 3];
    expect(mean('t1ce', enhancing!)).toBeGreaterThan(1.4 * mean('t1', enhancing!));
    expect(mean('t1ce', necrotic!)).toBeLessThan(0.7 * mean('t1ce', enhancing!));
    expect(mean('flair', oedema!)).toBeGreaterThan(1.4 * mean('flair', healthy));
    expect(mean('t1', necrotic!)).toBeLessThan(mean('t1', oedema!));
  });
});
