import dicomParser, { type DataSet } from 'dicom-parser';
import { describe, expect, it } from 'vitest';
import { writeReport } from '../../../inference-server/src/dicom/write-report.ts';
import { writeSegmentation } from '../../../inference-server/src/dicom/write-segmentation.ts';
import { deriveUid } from '../../../inference-server/src/domain/uid.ts';
import { measure } from '../../../inference-server/src/steps/measure.ts';
import { mrFiles, seriesUidOf } from '../../support/mr-files.ts';
import { aResultOf } from '../../support/results.ts';

const items = (from: DataSet, tag: string): DataSet[] => from.elements[tag]?.items?.map(item => item.dataSet!) ?? [];
const content = (from: DataSet) => items(from, 'x0040a730');
const conceptOf = (item: DataSet) => items(item, 'x0040a043')[0]?.string('x00080104');
const find = (from: DataSet, meaning: string): DataSet => {
  const found = content(from).find(item => conceptOf(item) === meaning);
  if (!found) throw new Error(`no ${meaning}`);
  return found;
};
const value = (item: DataSet) => {
  const [measured] = items(item, 'x0040a300');
  return [measured!.floatString('x0040a30a'), items(measured!, 'x004008ea')[0]!.string('x00080100')];
};
const CONFIDENCE = { overall: 0.91, regions: { wt: 0.91, tc: null, et: null } };
/** A slice is 20 voxels of 6 mm³. */
const SLICE = 20;

async function written(label: (voxel: number) => number) {
  const { labelMap, origin } = await aResultOf(mrFiles(), label);
  const report = dicomParser.parseDicom(writeReport({ labelMap, measurements: measure(labelMap), confidence: CONFIDENCE }, origin).bytes);
  const groups = content(find(report, 'Imaging Measurements'));
  const group = (tracking: string) => {
    const found = groups.find(candidate => find(candidate, 'Tracking Identifier').text('x0040a160') === tracking);
    if (!found) throw new Error(`no group ${tracking}`);
    return found;
  };
  return { report, groups, group, seg: writeSegmentation(labelMap, origin) };
}
const someOfAll = (at: number) => (at < SLICE ? 2 : at < SLICE + 5 ? 1 : at >= 3 * SLICE && at < 3 * SLICE + 5 ? 3 : 0);

describe('writing a report', () => {
  it('tells the volume of the whole tumour and of each segment in mL', async () => {
    const { group } = await written(someOfAll);
    const volumes = ['Whole tumour', 'Necrotic core', 'Oedema', 'Enhancing tumour'].map(name => value(find(group(name), 'Volume')));
    expect(volumes).toEqual([[0.18, 'mL'], [0.03, 'mL'], [0.12, 'mL'], [0.03, 'mL']]);
  });

  it('refers each segment to that of the SEG', async () => {
    const { group, seg } = await written(someOfAll);
    const [reference] = items(find(group('Enhancing tumour'), 'Referenced Segment'), 'x00081199');
    expect([reference!.string('x00081155'), reference!.uint16('x0062000b')]).toEqual([seg.sopInstanceUid, 3]);
  });

  it('tells the diameters of the enhancing tumour and draws the longest on its image', async () => {
    const { group } = await written(someOfAll);
    const diameters = group('Enhancing tumour, diameters');
    const [long, unit] = value(find(diameters, 'Long Axis'));
    expect([long, unit]).toEqual([expect.closeTo(10, 6), 'mm']);
    const region = find(diameters, 'Image Region');
    expect(items(content(region)[0]!, 'x00081199')[0]!.string('x00081155')).toBe(deriveUid('instance', 'mr-files', 'a', '3'));
    const line = [0, 1, 2, 3].map(i => region.float('x00700022', i)!);
    expect(Math.hypot(2 * (line[2]! - line[0]!), line[3]! - line[1]!)).toBeCloseTo(long as number, 4);
    expect(Math.min(line[1]!, line[3]!)).toBeCloseTo(0.5, 4);
  });

  it('says that no tumour was detected where there is none, and measures nothing', async () => {
    const { labelMap, origin } = await aResultOf(mrFiles());
    const report = dicomParser.parseDicom(writeReport({ labelMap, measurements: measure(labelMap), confidence: CONFIDENCE }, origin).bytes);
    const [evaluation] = content(find(report, 'Qualitative Evaluations'));
    expect([conceptOf(evaluation!), items(evaluation!, 'x0040a168')[0]!.string('x00080104')]).toEqual(['Neoplasm', 'Not detected']);
    expect(content(report).map(conceptOf)).not.toContain('Imaging Measurements');
  });

  it('names the algorithm, its inputs and their series', async () => {
    const { group } = await written(someOfAll);
    const whole = group('Whole tumour');
    expect(['Algorithm Name', 'Algorithm Version', 'Algorithm Parameters'].map(concept => find(whole, concept).text('x0040a160')))
      .toEqual(['a-model', '1.2.3', 'used: T1, T1ce; without: FLAIR']);
    expect(content(whole).filter(item => conceptOf(item) === 'Source series for segmentation').map(item => item.string('x0040a124')))
      .toEqual([deriveUid('series', 't1'), deriveUid('series', 't1ce')]);
  });

  it('tells the expected Dice', async () => {
    const { group } = await written(someOfAll);
    expect(value(find(group('Whole tumour'), 'Expected Dice similarity of the whole tumour'))).toEqual([0.91, '1']);
  });

  it('is complete but not verified, and lists the SEG and the images as its evidence', async () => {
    const { report, seg } = await written(someOfAll);
    expect([report.string('x0040a491'), report.string('x0040a493')]).toEqual(['COMPLETE', 'UNVERIFIED']);
    const series = items(items(report, 'x0040a375')[0]!, 'x00081115');
    expect(series.map(one => one.string('x0020000e'))).toEqual([seg.seriesUid, seriesUidOf('a')]);
  });

  it('puts every group in a place on an image, without which OHIF opens no report', async () => {
    const { groups } = await written(someOfAll);
    for (const group of groups) {
      const places = [group, ...content(group).filter(item => item.string('x0040a040') === 'NUM')].flatMap(content).filter(item => item.string('x0040a040') === 'SCOORD');
      expect(places.map(place => items(content(place)[0]!, 'x00081199')[0]!.string('x00081155'))).toHaveLength(1);
      expect(conceptOf(content(group).find(item => item.string('x0040a040') === 'UIDREF')!)).toBe('Tracking Unique Identifier');
    }
  });

  it('points at a voxel inside the segment, on its largest slice', async () => {
    const { group } = await written(at => (at === 4 ? 1 : [41, 42, 46].includes(at) ? 1 : 0));
    const [, place] = content(find(group('Necrotic core'), 'Volume'));
    const pixel = [0, 1].map(i => Math.floor(place!.float('x00700022', i)!));
    expect([41, 42, 46]).toContain(40 + pixel[1]! * 5 + pixel[0]!);
    expect(items(content(place!)[0]!, 'x00081199')[0]!.string('x00081155')).toBe(deriveUid('instance', 'mr-files', 'a', '2'));
  });

  it('gives the same bytes for the same result', async () => {
    const { labelMap, origin } = await aResultOf(mrFiles(), someOfAll);
    const measured = { labelMap, measurements: measure(labelMap), confidence: CONFIDENCE };
    expect(writeReport(measured, origin)).toEqual(writeReport(measured, origin));
  });
});
