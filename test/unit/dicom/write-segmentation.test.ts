import dicomParser, { type DataSet } from 'dicom-parser';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deriveUid } from '../../../inference-server/src/domain/uid.ts';
import { writeSegmentation } from '../../../inference-server/src/dicom/write-segmentation.ts';
import { AnyGrid } from '../../support/grids.ts';
import { enhancedMrFile, GRID, mrFiles, seriesUidOf, STUDY_UID } from '../../support/mr-files.ts';
import { readSegmentation } from '../../support/read-segmentation.ts';
import { aResultOf } from '../../support/results.ts';

const items = (from: DataSet, ...tags: string[]): DataSet[] =>
  tags.reduce((level, tag) => level.flatMap(dataSet => dataSet.elements[tag]?.items?.map(item => item.dataSet!) ?? []), [from]);
const written = async (label: (voxel: number) => number, files = mrFiles()) => {
  const { labelMap, origin } = await aResultOf(files, label);
  return dicomParser.parseDicom(writeSegmentation(labelMap, origin).bytes);
};
/** [segment number, z] of each frame. */
const frames = (seg: DataSet) => items(seg, 'x52009230').map(frame => [
  items(frame, 'x0062000a')[0]!.uint16('x0062000b'), items(frame, 'x00209113')[0]!.floatString('x00200032', 2),
]);
const SLICE = 20;

describe('writing a segmentation', () => {
  it('keeps every label at its place, whatever the grid and its direction', async () => {
    await fc.assert(fc.asyncProperty(AnyGrid, fc.infiniteStream(fc.constantFrom(0, 0, 1, 2, 3)), async (grid, stream) => {
      const { labelMap, origin } = await aResultOf(mrFiles('a', grid), () => stream.next().value as number);
      const { bytes } = writeSegmentation(labelMap, origin);
      expect(readSegmentation(bytes, grid).labels).toEqual(labelMap.labels);
    }), { numRuns: 30 });
  });

  it('has a frame for each slice of a segment and for no other', async () => {
    const seg = await written(at => (at === 2 * SLICE + 7 ? 3 : at === 4 * SLICE ? 1 : at === 2 * SLICE ? 1 : 0));
    expect(frames(seg)).toEqual([[1, 19], [1, 25], [3, 19]]);
    expect(seg.intString('x00280008')).toBe(3);
  });

  it('describes all three segments though only one was found', async () => {
    const segments = items(await written(at => (at === 0 ? 2 : 0)), 'x00620002');
    expect(segments.map(segment => [segment.uint16('x00620004'), items(segment, 'x0062000f')[0]!.string('x00080100'), segment.string('x00620008')]))
      .toEqual([[1, '6574001', 'AUTOMATIC'], [2, '79654002', 'AUTOMATIC'], [3, 'C113842', 'AUTOMATIC']]);
  });

  it('has one empty frame where no tumour was found, since a SEG must have a frame', async () => {
    const seg = await written(() => 0);
    expect(frames(seg)).toEqual([[1, 22]]);
    const { dataOffset, length } = seg.elements['x7fe00010']!;
    expect(seg.byteArray.subarray(dataOffset, dataOffset + length).every(byte => byte === 0)).toBe(true);
  });

  it('says how the brain was found and that T1 and T1ce were exchanged, with a description of at most 64 characters', async () => {
    const { labelMap, origin } = await aResultOf(mrFiles(), () => 0);
    const seg = dicomParser.parseDicom(writeSegmentation(labelMap, { ...origin, brainFoundBy: 'head atlas, no network', contrastByPixels: 'exchanged' }).bytes);
    const [algorithm] = items(seg, 'x00620002', 'x00620007');
    expect(algorithm!.text('x00660032')).toMatch(/brain: head atlas, no network; T1 and T1ce exchanged, as their pixels show$/);
    expect(seg.string('x00700081')!.length).toBeLessThanOrEqual(64);
  });

  it('refers each frame to the image that it lies on', async () => {
    const [frame] = items(await written(at => (at === 3 * SLICE ? 1 : 0)), 'x52009230');
    expect(items(frame!, 'x00089124', 'x00082112')[0]!.string('x00081155')).toBe(deriveUid('instance', 'mr-files', 'a', '3'));
  });

  it('refers to frames of a multi-frame image by number', async () => {
    const [frame] = items(await written(at => (at === 3 * SLICE ? 1 : 0), [enhancedMrFile()]), 'x52009230');
    expect(items(frame!, 'x00089124', 'x00082112')[0]!.intString('x00081160')).toBe(4);
  });

  it('refers to the reference series with all of its images', async () => {
    const [series] = items(await written(() => 0), 'x00081115');
    expect(series!.string('x0020000e')).toBe(seriesUidOf('a'));
    expect(items(series!, 'x0008114a')).toHaveLength(GRID.shape[0]);
  });

  it('takes over patient, study and frame of reference, in a series of its own', async () => {
    const seg = await written(() => 0);
    expect(['x00100010', 'x00100020', 'x00100030', 'x0020000d', 'x00200052', 'x00080050'].map(tag => seg.string(tag)))
      .toEqual(['Doe^Jane', 'P-1', '19700101', STUDY_UID, deriveUid('frame-of-reference', 'mr-files'), 'A7']);
    expect(seg.string('x0020000e')).not.toBe(seriesUidOf('a'));
  });

  it('keeps the bytes of a name in their character set', async () => {
    const bytes = Uint8Array.of(0xcd, 0xf6, 0x5e, 0xe8);
    const seg = await written(() => 0, mrFiles('a', GRID, { SpecificCharacterSet: 'ISO_IR 144', PatientName: { vr: 'PN', bytes } }));
    const { dataOffset, length } = seg.elements['x00100010']!;
    expect(Uint8Array.from(seg.byteArray.subarray(dataOffset, dataOffset + length))).toEqual(bytes);
    expect(seg.string('x00080005')).toBe('ISO_IR 144');
  });

  it('names the model and the sequences that it went without', async () => {
    const [algorithm] = items(await written(() => 0), 'x00620002', 'x00620007');
    expect([algorithm!.string('x00660036'), algorithm!.string('x00660031'), algorithm!.text('x00660032')])
      .toEqual(['a-model', '1.2.3', 'used: T1, T1ce; without: FLAIR']);
  });

  it('says that it comes from images with loss', async () => {
    const seg = await written(() => 0, mrFiles('a', GRID, { LossyImageCompression: '01', LossyImageCompressionRatio: 10, LossyImageCompressionMethod: 'ISO_10918_1' }));
    expect(['x00282110', 'x00282112', 'x00282114'].map(tag => seg.string(tag))).toEqual(['01', '10', 'ISO_10918_1']);
  });

  it('gives the same bytes for the same result, and other UIDs for another identity', async () => {
    const { labelMap, origin } = await aResultOf(mrFiles(), at => at % 4);
    const once = writeSegmentation(labelMap, origin);
    expect(writeSegmentation(labelMap, origin)).toEqual(once);
    expect(writeSegmentation(labelMap, { ...origin, identity: 'another' }).sopInstanceUid).not.toBe(once.sopInstanceUid);
  });
});
