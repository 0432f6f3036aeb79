import { readSlices } from '../../inference-server/src/dicom/read-instance.ts';
import type { ResultOrigin } from '../../inference-server/src/dicom/result-attributes.ts';
import { readSourceHeader } from '../../inference-server/src/dicom/source-header.ts';
import type { LabelMap } from '../../inference-server/src/domain/label-map.ts';
import { deriveUid } from '../../inference-server/src/domain/uid.ts';
import { buildVolume } from '../../inference-server/src/steps/build-volume.ts';

/** A label map on the grid of a series, and what its results say of where they come from. */
export async function aResultOf(files: readonly Uint8Array[], label: (voxel: number) => number = () => 0): Promise<{ labelMap: LabelMap; origin: ResultOrigin }> {
  const slices = (await Promise.all(files.map(readSlices))).flat();
  const { volume: { geometry, voxels }, sources } = buildVolume(slices);
  return {
    labelMap: { geometry, labels: Uint8Array.from(voxels, (_, at) => label(at)) },
    origin: {
      identity: 'an-identity', header: readSourceHeader(files[0]!), sources, model: { id: 'a-model', version: '1.2.3' },
      used: { t1: deriveUid('series', 't1'), t1ce: deriveUid('series', 't1ce') }, missing: ['flair'],
    },
  };
}
