import { PixelDataError } from '../domain/errors.ts';
import { voxelCount, type VolumeGeometry } from '../domain/geometry.ts';
import { SEGMENTS, type LabelMap } from '../domain/label-map.ts';
import { elementOf, itemsOf, numberOf, numbersOf, parseWhole } from './parse-part10.ts';

/**
 * Reads a SEG that `writeSegmentation` wrote back to its label map. Its frames name segment and slice in their dimension indices.
 *
 * @param geometry of the reference series, the grid that the SEG was written on.
 * @throws PixelDataError PIXEL_DATA_UNREADABLE where it is no SEG of ours on this grid.
 */
export function readSegmentation(bytes: Uint8Array, geometry: VolumeGeometry): LabelMap {
  const seg = parseWhole(bytes);
  const [slices, rows, columns] = geometry.shape;
  const frames = itemsOf(seg, 'PerFrameFunctionalGroupsSequence');
  const pixels = elementOf(seg, 'PixelData');
  const size = rows * columns;
  if (numberOf(seg, 'Rows') !== rows || numberOf(seg, 'Columns') !== columns || !pixels || pixels.length * 8 < frames.length * size) throw foreign();
  const bits = seg.byteArray.subarray(pixels.dataOffset, pixels.dataOffset + pixels.length);
  const labels = new Uint8Array(voxelCount(geometry));
  frames.forEach((frame, f) => {
    const [content] = itemsOf(frame, 'FrameContentSequence');
    const [segment = 0, position = 0] = content ? numbersOf(content, 'DimensionIndexValues') : [];
    if (!SEGMENTS.some(({ number }) => number === segment) || position < 1 || position > slices) throw foreign();
    for (let n = 0, bit = f * size, at = (position - 1) * size; n < size; n++, bit++, at++) {
      if ((bits[bit >> 3]! >> (bit & 7)) & 1) labels[at] = segment;
    }
  });
  return { geometry, labels };
}

const foreign = (): PixelDataError => new PixelDataError('PIXEL_DATA_UNREADABLE', 'The stored segmentation does not lie on its reference series; segment the study again');
