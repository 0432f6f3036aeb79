import { describe, expect, it } from 'vitest';
import type { DicomFile } from '../../../inference-server/src/domain/run.ts';
import type { InstanceUid, SeriesUid } from '../../../inference-server/src/domain/uid.ts';
import { storeResult } from '../../../inference-server/src/flow/store-result.ts';

const IMAGES = '1.2' as SeriesUid;
const files = ['1.3', '1.4'].map(uid => ({ sopInstanceUid: uid as InstanceUid })) as unknown as DicomFile[];

/** An archive from which somebody deletes the images at a moment. */
function anArchive(deletedWhen: 'never' | 'before' | 'while storing') {
  const has = new Set<string>(deletedWhen === 'before' ? [] : [IMAGES]);
  return {
    has,
    hasSeries: async (uid: SeriesUid) => has.has(uid),
    remove: async (uid: InstanceUid) => void has.delete(uid),
    store: async (stored: readonly DicomFile[]) => {
      if (deletedWhen === 'while storing') has.clear();
      for (const { sopInstanceUid } of stored) has.add(sopInstanceUid);
    },
  };
}

describe('storing a result', () => {
  it('puts it beside its images', async () => {
    const archive = anArchive('never');
    await storeResult(archive, IMAGES, files);
    expect([...archive.has]).toEqual(['1.2', '1.3', '1.4']);
  });

  it.each(['before', 'while storing'] as const)('leaves nothing of a study that was deleted %s', async when => {
    const archive = anArchive(when);
    await expect(storeResult(archive, IMAGES, files)).rejects.toMatchObject({ code: 'STUDY_NOT_FOUND' });
    expect([...archive.has]).toEqual([]);
  });
});
