import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readHeader } from '../../inference-server/src/dicom/read-instance.ts';
import { writeReport } from '../../inference-server/src/dicom/write-report.ts';
import { writeSegmentation } from '../../inference-server/src/dicom/write-segmentation.ts';
import type { VolumeGeometry } from '../../inference-server/src/domain/geometry.ts';
import type { LabelMap } from '../../inference-server/src/domain/label-map.ts';
import { writeReview } from '../../inference-server/src/flow/write-review.ts';
import { measure } from '../../inference-server/src/steps/measure.ts';
import { enhancedMrFile, mrFiles } from '../support/mr-files.ts';
import { aResultOf } from '../support/results.ts';

const DCIODVFY = '/usr/bin/dciodvfy';
/** A Python with highdicom, nibabel and dcmqi. */
const PYTHON = process.env.CEREBLOOM_PEERS_PYTHON;

/** Oblique and with a number of pixels that is no multiple of 8, so that frames begin inside a byte. */
const OBLIQUE: VolumeGeometry = { shape: [7, 9, 11], originMm: [-30, 12.5, 40], stepsMm: [[0, -1.5, 2], [0, 0.8, 0.6], [0.9, 0, 0]] };

let folder: string;
beforeAll(() => { folder = mkdtempSync(join(tmpdir(), 'cerebloom-results-')); });
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Writes SEG and SR of a series. @returns their paths and the labels. */
async function results(name: string, files: readonly Uint8Array[], label: (voxel: number) => number): Promise<{ seg: string; sr: string; labelMap: LabelMap }> {
  const { labelMap, origin } = await aResultOf(files, label);
  const measured = { labelMap, measurements: measure(labelMap), confidence: { overall: 0.9, regions: { wt: 0.9, tc: null, et: null } } };
  const paths = { seg: join(folder, `${name}-seg.dcm`), sr: join(folder, `${name}-sr.dcm`) };
  writeFileSync(paths.seg, writeSegmentation(labelMap, origin).bytes);
  writeFileSync(paths.sr, writeReport(measured, origin).bytes);
  return { ...paths, labelMap };
}
/** Writes what a reader leaves behind who drew `label` over a result of `before`. */
async function corrected(name: string, files: readonly Uint8Array[], before: (voxel: number) => number, label: (voxel: number) => number): Promise<{ seg: string; sr: string; labelMap: LabelMap }> {
  const { labelMap: own, origin } = await aResultOf(files, before);
  const { labelMap } = await aResultOf(files, label);
  const size = own.geometry.shape[1] * own.geometry.shape[2];
  const slices = origin.sources.map(({ instanceUid, frame }, k) =>
    ({ sopInstanceUid: instanceUid, frame, labels: deflateSync(labelMap.labels.subarray(k * size, (k + 1) * size)).toString('base64') }));
  const written = await writeReview({
    reference: files, segmentation: writeSegmentation(own, origin).bytes, slices,
    run: { ...origin, result: { confidence: 0.9, segmentConfidence: { wt: 0.9, tc: null, et: null }, missing: [...origin.missing] } },
    review: { id: 'a-review', by: 'Dr Élodie Martin', at: new Date('2026-03-01T10:00:00Z') },
  });
  const paths = { seg: join(folder, `${name}-corrected-seg.dcm`), sr: join(folder, `${name}-corrected-sr.dcm`) };
  [paths.seg, paths.sr].forEach((path, n) => writeFileSync(path, written.files[n]!.bytes));
  return { ...paths, labelMap };
}
const classic = mrFiles('classic', OBLIQUE);
const mixed = (at: number) => [0, 3, 0, 1, 2, 0, 0][at % 7]!;

describe.skipIf(!existsSync(DCIODVFY))('dciodvfy (dicom3tools)', () => {
  it.each<[string, Uint8Array[], (at: number) => number]>([
    ['a tumour', classic, mixed],
    ['no tumour', classic, () => 0],
    ['one segment', classic, at => (at > 300 && at < 330 ? 2 : 0)],
    ['Enhanced MR', [enhancedMrFile()], mixed],
    ['images with little said of them', mrFiles('bare', OBLIQUE, {
      PatientBirthDate: undefined, StudyDate: undefined, StudyTime: undefined, FrameOfReferenceUID: undefined, StudyID: undefined, AccessionNumber: undefined, SeriesDate: undefined, SeriesTime: undefined, Manufacturer: undefined,
      ManufacturerModelName: undefined,
    }), mixed],
  ])('finds no error in the SEG and SR of %s', async (name, files, label) => {
    const { seg, sr } = await results(name.replaceAll(' ', '-'), files, label);
    for (const file of [seg, sr]) {
      expect(errorsOf(file)).toEqual([]);
    }
  });
});

const errorsOf = (file: string) => {
  const { stderr, stdout } = spawnSync(DCIODVFY, [file], { encoding: 'utf8' });
  return `${stdout}${stderr}`.split('\n').filter(line => line.startsWith('Error'));
};

describe.skipIf(!existsSync(DCIODVFY))('dciodvfy, on what a reader corrected', () => {
  it.each<[string, Uint8Array[], (at: number) => number]>([
    ['a tumour', classic, at => (mixed(at) + 1) % 4], ['nothing left', classic, () => 0], ['Enhanced MR', [enhancedMrFile()], at => (mixed(at) + 1) % 4],
  ])('finds no error in the SEG and SR of %s', async (name, files, label) => {
    const { seg, sr } = await corrected(name.replaceAll(' ', '-'), files, mixed, label);
    expect([seg, sr].flatMap(errorsOf)).toEqual([]);
  });
});

describe.skipIf(!PYTHON)('readers of other projects (CEREBLOOM_PEERS_PYTHON)', () => {
  it('highdicom reads the SEG to the same labels', async () => {
    const { seg, labelMap } = await results('highdicom', classic, mixed);
    const read = execFileSync(PYTHON!, ['-c', `
import sys, numpy, highdicom
seg = highdicom.seg.segread(sys.argv[1])
labels = seg.get_pixels_by_source_instance(sys.argv[2:], combine_segments=True, skip_overlap_checks=True, assert_missing_frames_are_empty=True)
sys.stdout.buffer.write(labels.astype(numpy.uint8).tobytes())`, seg, ...classic.map(file => readHeader(file).instance.uid)]);
    expect(Array.from(read)).toEqual([...labelMap.labels]);
  });

  it('highdicom reads what a reader corrected to the labels that were drawn, and who answers for it', async () => {
    const { seg, sr, labelMap } = await corrected('highdicom', classic, mixed, at => (mixed(at) + 1) % 4);
    const read = execFileSync(PYTHON!, ['-c', `
import sys, numpy, highdicom
seg = highdicom.seg.segread(sys.argv[1])
labels = seg.get_pixels_by_source_instance(sys.argv[3:], combine_segments=True, skip_overlap_checks=True, assert_missing_frames_are_empty=True)
report = highdicom.sr.srread(sys.argv[2])
said = [str(seg.ContentCreatorName), seg.SegmentSequence[0].SegmentAlgorithmType, report.VerificationFlag, str(report.VerifyingObserverSequence[0].VerifyingObserverName)]
sys.stderr.write('|'.join(said))
sys.stdout.buffer.write(labels.astype(numpy.uint8).tobytes())`, seg, sr, ...classic.map(file => readHeader(file).instance.uid)], { stdio: ['ignore', 'pipe', openSync(join(folder, 'said'), 'w')] });
    expect(Array.from(read)).toEqual([...labelMap.labels]);
    expect(readFileSync(join(folder, 'said'), 'utf8')).toContain('Dr Elodie Martin|SEMIAUTOMATIC|VERIFIED|Dr Elodie Martin');
  });

  it('highdicom finds the three segments and the diameters in the SR', async () => {
    const { sr } = await results('highdicom', classic, mixed);
    const counts = execFileSync(PYTHON!, ['-c', `
import sys, highdicom
content = highdicom.sr.srread(sys.argv[1]).content
print(len(content.get_volumetric_roi_measurement_groups()), len(content.get_planar_roi_measurement_groups()), len(content.get_image_measurement_groups()))`, sr]);
    expect(counts.toString().trim()).toBe('3 1 1');
  });

  it('dcmqi reads the SEG to the same labels in the same place', async () => {
    const { seg, labelMap } = await results('dcmqi', classic, mixed);
    const out = join(folder, 'dcmqi');
    mkdirSync(out, { recursive: true });
    const wrong = execFileSync(PYTHON!, ['-c', `
import glob, os, subprocess, sys, numpy, nibabel
tool = os.path.join(os.path.dirname(sys.executable), 'segimage2itkimage')
subprocess.run([tool, '--inputDICOM', sys.argv[1], '--outputDirectory', sys.argv[2], '--outputType', 'nii', '--mergeSegments'], check=True, stdout=subprocess.DEVNULL)
image = nibabel.load(glob.glob(os.path.join(sys.argv[2], '*.nii.gz'))[0])
voxels = numpy.asanyarray(image.dataobj)
origin, *steps = [numpy.array(list(map(float, text.split(',')))) for text in sys.argv[3:7]]
truth = numpy.frombuffer(sys.stdin.buffer.read(), numpy.uint8).reshape([int(n) for n in sys.argv[7].split(',')])
to_voxel = numpy.linalg.inv(numpy.diag([-1, -1, 1, 1]) @ image.affine)
wrong = 0
for k, j, i in numpy.ndindex(*truth.shape):
    point = origin + k * steps[0] + j * steps[1] + i * steps[2]
    at = numpy.rint(to_voxel @ [*point, 1])[:3].astype(int)
    inside = all(0 <= n < size for n, size in zip(at, voxels.shape))
    wrong += int((voxels[tuple(at)] if inside else 0) != truth[k, j, i])
print(wrong)`, seg, out, ...[OBLIQUE.originMm, ...OBLIQUE.stepsMm].map(vector => vector.join(',')), OBLIQUE.shape.join(',')], { input: labelMap.labels });
    expect(wrong.toString().trim()).toBe('0');
  });
});
