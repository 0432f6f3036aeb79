import dcmjs from 'dcmjs';
import { patientToVoxel, voxelCount, type Vec3, type VolumeGeometry } from '../../inference-server/src/domain/geometry.ts';
import type { LabelMap } from '../../inference-server/src/domain/label-map.ts';

interface Frame {
  SegmentIdentificationSequence: [{ ReferencedSegmentNumber: number }];
  PlanePositionSequence: [{ ImagePositionPatient: number[] }];
}
interface Segmentation { Rows: number; Columns: number; NumberOfFrames: number; PixelData: ArrayBuffer[]; PerFrameFunctionalGroupsSequence: Frame[] | Frame }

/**
 * A BINARY SEG back to labels on a grid, by its frames' positions alone; read with dcmjs, which had no part in writing it.
 * @param geometry axis-aligned grid that the SEG is on. @throws Error where a frame lies off the grid.
 */
export function readSegmentation(bytes: Uint8Array, geometry: VolumeGeometry): LabelMap {
  const copy = bytes.slice().buffer;
  const seg = dcmjs.data.DicomMetaDictionary.naturalizeDataset(dcmjs.data.DicomMessage.readFile(copy).dict) as unknown as Segmentation;
  const bits = new Uint8Array(seg.PixelData[0]!);
  const labels = new Uint8Array(voxelCount(geometry));
  const perFrame = seg.Rows * seg.Columns;
  const frames = [seg.PerFrameFunctionalGroupsSequence].flat();
  frames.forEach((frame, f) => {
    const [k, j, i] = patientToVoxel(geometry, frame.PlanePositionSequence[0].ImagePositionPatient.map(Number) as unknown as Vec3);
    if (Math.abs(j) > 0.01 || Math.abs(i) > 0.01 || Math.abs(k - Math.round(k)) > 0.01) throw new Error(`Frame ${f + 1} lies off the grid`);
    const number = frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber;
    for (let n = 0; n < perFrame; n++) {
      const bit = f * perFrame + n;
      if ((bits[bit >> 3]! >> (bit & 7)) & 1) labels[Math.round(k) * perFrame + n] = number;
    }
  });
  return { geometry, labels };
}
