import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import type { Run } from '../../inference-server/src/contract/runs.ts';
import { readSlices } from '../../inference-server/src/dicom/read-instance.ts';
import { SEQUENCES, type Sequence } from '../../inference-server/src/domain/study.ts';
import { buildVolume } from '../../inference-server/src/steps/build-volume.ts';
import { drawResult } from '../../inference-server/src/steps/draw-result.ts';
import { measure } from '../../inference-server/src/steps/measure.ts';
import { NATIVE_CASE, nativeStudy, seriesUidOfNative, type NativeStudy } from '../support/native-study.ts';
import { readSegmentation } from '../support/read-segmentation.ts';
import { lacks } from '../support/shared-data.ts';

const system = inject('system');
const RUN_MS = 240_000;
const PICTURES = 'test-output/native-study';
const get = async <T>(path: string): Promise<T> => (await fetch(`${system.url}${path}`, { headers: { Authorization: `Bearer ${system.token}` } })).json() as Promise<T>;

async function until(study: string, ended: (run: Run) => boolean): Promise<Run> {
  for (const end = Date.now() + RUN_MS; Date.now() < end; await delay(1000)) {
    const { runs } = await get<{ runs: Run[] }>(`/api/v1/runs?study=${study}`);
    if (runs[0] && ended(runs[0])) return runs[0];
  }
  throw new Error('No run of the study ended');
}
const isOver = ({ state }: Run) => state !== 'queued' && state !== 'running';

async function fromOrthanc(instanceUid: string): Promise<Uint8Array> {
  const [found] = await (await fetch(`${system.orthancUrl}/tools/lookup`, { method: 'POST', body: instanceUid })).json() as { ID: string }[];
  return new Uint8Array(await (await fetch(`${system.orthancUrl}/instances/${found!.ID}/file`)).arrayBuffer());
}

/**
 * A real glioma with skull, four grids of 5.5 mm slices and four frames of reference, among eight series that are something else;
 * nothing in its headers says which T1 has contrast.
 */
describe.skipIf(lacks(NATIVE_CASE))('a study as a hospital sends it', () => {
  let study: NativeStudy;
  let arrived: Run;
  let onEach: Run;
  beforeAll(async () => {
    study = await nativeStudy('e2e');
    const folder = mkdtempSync(join(system.home, 'native-'));
    [...Object.values(study.series).flat(), ...study.distractors.flat()].forEach((bytes, at) => writeFileSync(join(folder, `${at}.dcm`), bytes));
    execFileSync('storescu', ['-aec', 'CEREBLOOM', '+sd', '127.0.0.1', String(system.dicomPort), folder]);
    arrived = await until(study.uid, isOver);
    await fetch(`${system.url}/api/v1/runs`, {
      method: 'POST', headers: { Authorization: `Bearer ${system.token}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ studyInstanceUid: study.uid, segOn: 'all' }),
    });
    onEach = await until(study.uid, run => run.segOn === 'all' && isOver(run));
  }, 2 * RUN_MS);

  it('is segmented when it arrives, from the right four of twelve series', () => {
    expect([arrived.trigger, arrived.state, arrived.error]).toEqual(['routing', 'completed', null]);
    expect(arrived.series).toEqual(Object.fromEntries(SEQUENCES.map(sequence => [sequence, seriesUidOfNative('e2e', sequence)])));
    expect(arrived.result!.referenceSeriesUid).toBe(seriesUidOfNative('e2e', 't1ce'));
  });

  it('says what each of the others is', async () => {
    const { series } = await get<{ series: { kind: string; used: boolean }[] }>(`/api/v1/studies/${study.uid}/series`);
    const images = series.filter(({ used, kind }) => !used && kind !== 'not-mr'); // our own results are no images
    expect(images.map(({ kind }) => kind).sort()).toEqual(['diffusion', 'diffusion', 'diffusion', 'localizer', 'perfusion', 'reformat', 'swi']);
  });

  it('gets a segmentation on each input series on request, the one on the reference being the same as before', () => {
    expect([onEach.state, onEach.result!.segInstanceUid]).toEqual(['completed', arrived.result!.segInstanceUid]);
    expect(onEach.result!.alsoOn!.map(({ sequence, seriesUid }) => [sequence, seriesUid])).toEqual(
      (['t1', 't2', 'flair'] as const).map(sequence => [sequence, seriesUidOfNative('e2e', sequence)]));
  });

  it('shows one tumour of one size on all four, drawn into a picture of each', async () => {
    mkdirSync(PICTURES, { recursive: true });
    const segments: Partial<Record<Sequence, string>> = { t1ce: onEach.result!.segInstanceUid, ...Object.fromEntries(onEach.result!.alsoOn!.map(({ sequence, segInstanceUid }) => [sequence, segInstanceUid])) };
    const volumes: number[] = [];
    for (const sequence of SEQUENCES) {
      const { volume } = buildVolume((await Promise.all(study.series[sequence].map(readSlices))).flat());
      const found = readSegmentation(await fromOrthanc(segments[sequence]!), volume.geometry);
      writeFileSync(join(PICTURES, `${sequence}.png`), drawResult(found, { image: volume }));
      volumes.push(measure(found).volumesMl.total);
    }
    console.log(`whole tumour on T1, T1ce, T2, FLAIR: ${volumes.map(ml => `${ml.toFixed(1)} mL`).join(', ')}; pictures in ${PICTURES}`);
    expect(Math.max(...volumes) / Math.min(...volumes)).toBeLessThan(1.1);
    expect(onEach.result!.volumesMl.total).toBeCloseTo(volumes[1]!, 1);
  });
});
