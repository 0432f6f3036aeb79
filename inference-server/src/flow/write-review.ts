import { inflateSync } from 'node:zlib';
import type { Agreement, CorrectedSlice } from '../contract/runs.ts';
import { readSegmentation } from '../dicom/read-segmentation.ts';
import type { ResultOrigin } from '../dicom/result-attributes.ts';
import { writeReport } from '../dicom/write-report.ts';
import { writeSegmentation } from '../dicom/write-segmentation.ts';
import { RequestError } from '../domain/errors.ts';
import { voxelCount, type VolumeGeometry } from '../domain/geometry.ts';
import type { LabelMap } from '../domain/label-map.ts';
import type { Measurements } from '../domain/run.ts';
import type { SliceSource } from '../domain/slice.ts';
import { diceOf } from '../steps/compare-label-maps.ts';
import { measure } from '../steps/measure.ts';
import type { ReviewJob, WrittenReview } from './ports.ts';
import { decodeSeries } from './segment-study.ts';

/**
 * Writes what a reader's decision leaves behind: a VERIFIED report, and the corrected SEG where the reader drew.
 * @throws RequestError CORRECTION_INVALID where the slices do not fit the reference series; PixelDataError, GeometryError.
 */
export async function writeReview({ reference, segmentation, slices, run, review }: ReviewJob): Promise<WrittenReview> {
  const { built: { volume: { geometry }, sources }, header } = await decodeSeries(reference);
  const own = readSegmentation(segmentation, geometry);
  const labelMap = slices ? drawnLabels(slices, sources, geometry) : own;
  const measurements = measure(labelMap);
  const origin: ResultOrigin = { ...run, header, sources, missing: run.result.missing, review: { ...review, edited: slices !== undefined } };
  const confidence = slices ? null : { overall: run.result.confidence, regions: run.result.segmentConfidence };
  const report = writeReport({ labelMap, measurements, confidence }, origin);
  return {
    files: slices ? [writeSegmentation(labelMap, origin), report] : [report],
    measurements,
    diametersOn: measurements.enhancingDiameters ? sources[measurements.enhancingDiameters.slice]?.instanceUid : undefined,
    agreement: agreementOf(own, labelMap, measurements),
  };
}

function agreementOf(own: LabelMap, corrected: LabelMap, { volumesMl: now }: Measurements): Agreement {
  const { volumesMl: before } = measure(own);
  const change = (name: keyof typeof now) => now[name] - before[name];
  return { dice: diceOf(corrected, own), changeMl: { total: change('total'), necrotic: change('necrotic'), edema: change('edema'), enhancing: change('enhancing') } };
}

function drawnLabels(slices: readonly CorrectedSlice[], sources: readonly SliceSource[], geometry: VolumeGeometry): LabelMap {
  const [, rows, columns] = geometry.shape;
  const size = rows * columns;
  const labels = new Uint8Array(voxelCount(geometry));
  const places = new Map(sources.map(({ instanceUid, frame }, slice) => [`${instanceUid} ${frame}`, slice]));
  for (const { sopInstanceUid, frame, labels: compressed } of slices) {
    const slice = places.get(`${sopInstanceUid} ${frame}`);
    if (slice === undefined) throw invalid('a slice belongs to no image of the reference series');
    const drawn = inflated(compressed, size);
    if (drawn.length !== size || drawn.some(label => label > 3)) throw invalid(`a slice must have ${rows} × ${columns} labels from 0 to 3`);
    labels.set(drawn, slice * size);
  }
  return { geometry, labels };
}

function inflated(base64: string, size: number): Uint8Array {
  try {
    return inflateSync(Buffer.from(base64, 'base64'), { maxOutputLength: size });
  } catch {
    throw invalid('the labels of a slice can\'t be decompressed, or are more than its pixels');
  }
}

const invalid = (why: string): RequestError => new RequestError('CORRECTION_INVALID', 422, `The correction can't be used: ${why}`);
