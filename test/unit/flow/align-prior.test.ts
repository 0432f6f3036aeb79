import { describe, expect, it } from 'vitest';
import { IDENTITY } from '../../../inference-server/src/domain/rigid-transform.ts';
import type { Study } from '../../../inference-server/src/domain/study.ts';
import { PriorAlignment } from '../../../inference-server/src/flow/align-prior.ts';
import type { AlignJob } from '../../../inference-server/src/flow/ports.ts';
import { AlignmentError } from '../../../inference-server/src/steps/check-alignment.ts';
import { aRun } from '../../support/run-records.ts';

const turned = { rotation: [[0, -1, 0], [1, 0, 0], [0, 0, 1]], translationMm: [3, 4, 5] } as const;
const present = aRun({ studyInstanceUid: '2.25.1' });
const prior = aRun({ studyInstanceUid: '2.25.2', result: { ...aRun().result!, referenceSeriesUid: '2.25.99' } });

function anAlignment(answer: () => Promise<typeof turned> = async () => turned, stored = ['2.25.12', '2.25.99']) {
  const jobs: AlignJob[] = [];
  const source = {
    findStudy: async () => ({ series: stored.map(uid => ({ uid })) }) as unknown as Study,
    fetchSeries: async ({ uid }: { uid: string }) => [new TextEncoder().encode(uid)],
  };
  return { jobs, alignment: new PriorAlignment(source, { align: job => (jobs.push(job), answer()) }) };
}

describe('laying a prior study on the present one', () => {
  it('takes the prior’s reference to the present one’s, and says by how much the head was turned', async () => {
    const { alignment, jobs } = anAlignment();
    const found = await alignment.align(present, prior);
    expect(found).toMatchObject({ translationMm: [3, 4, 5], rotation: turned.rotation });
    expect(found.angleDeg).toBeCloseTo(90);
    expect(jobs.map(({ fixed, moving }) => [fixed, moving].map(([file]) => new TextDecoder().decode(file)))).toEqual([['2.25.12', '2.25.99']]);
  });

  it('is computed once for a pair', async () => {
    const { alignment, jobs } = anAlignment();
    await Promise.all([alignment.align(present, prior), alignment.align(present, prior)]);
    expect(jobs).toHaveLength(1);
  });

  it('is tried again after a failure', async () => {
    let tries = 0;
    const { alignment } = anAlignment(async () => {
      if (tries++ === 0) throw new AlignmentError('once');
      return turned;
    });
    await expect(alignment.align(present, prior)).rejects.toMatchObject({ code: 'ALIGNMENT_FAILED' });
    await expect(alignment.align(present, prior)).resolves.toMatchObject({ translationMm: [3, 4, 5] });
  });

  it('says when images are gone', async () => {
    await expect(anAlignment(undefined, []).alignment.align(present, prior)).rejects.toMatchObject({ code: 'RESULT_NOT_FOUND' });
  });

  it('needs no computation for one and the same series', async () => {
    const { alignment, jobs } = anAlignment();
    expect((await alignment.align(present, present)).translationMm).toEqual([...IDENTITY.translationMm]);
    expect(jobs).toEqual([]);
  });
});
