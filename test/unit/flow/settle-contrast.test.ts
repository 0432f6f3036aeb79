import { describe, expect, it } from 'vitest';
import { isUnproven, settled, whichIsEnhanced } from '../../../inference-server/src/flow/settle-contrast.ts';
import type { Mask, Volume } from '../../../inference-server/src/domain/volume.ts';
import { selectSeries } from '../../../inference-server/src/steps/select-series.ts';
import { Random } from '../../../demo/src/phantom/random.ts';
import { aSeries, aStudy } from '../../support/series.ts';
import { aGrid } from '../../support/volumes.ts';

const T1 = { seriesDescription: 'T1', scanningSequence: ['SE'], echoTimeMs: 12, repetitionTimeMs: 530 };
const native = aSeries('native', { ...T1, acquisitionTime: '100000' });
const again = aSeries('again', { ...T1, acquisitionTime: '103000' });
const other = aSeries('other', { ...T1, acquisitionTime: '103000', repetitionTimeMs: 800 });
const likely = selectSeries(aStudy(native, again), []);
const guess = selectSeries(aStudy(native, other), []);

/** A head of grey matter in white; with contrast, a hundredth of it (vessels) is twice as bright. */
function aHead(contrast: boolean, gain: number, seed: number): Volume {
  const geometry = aGrid([60, 80, 80]);
  const random = new Random(seed);
  const voxels = Float32Array.from({ length: 60 * 80 * 80 }, (_, at) => {
    const [i, j, k] = [at % 80 - 40, Math.floor(at / 80) % 80 - 40, Math.floor(at / 6400) - 30];
    if (Math.hypot(i / 36, j / 36, k / 26) > 1) return 0;
    const tissue = (Math.floor(i / 7) + Math.floor(j / 7) + Math.floor(k / 7)) % 2 ? 300 : 400;
    const vessel = Math.hypot((i + 40) % 16 - 8, (j + 40) % 16 - 8) < 1.2;
    return gain * ((contrast && vessel ? 2 * tissue : tissue) + 12 * (random.uniform() - 0.5));
  });
  return { geometry, voxels };
}
const prepared = (t1: Volume, t1ce: Volume) => ({ volumes: { t1, t1ce }, registered: { t1, t1ce }, reference: 't1ce', extracted: { geometry: t1.geometry, voxels: Uint8Array.from(t1.voxels, v => Number(v > 0)) } satisfies Mask }) as const;

describe('telling T1 and T1ce apart by their pixels', () => {
  it.each([
    ['the later', aHead(false, 1, 1), aHead(true, 1.4, 2), 't1ce'],
    ['the earlier', aHead(true, 0.7, 1), aHead(false, 1, 2), 't1'],
    ['neither', aHead(false, 1, 1), aHead(false, 2, 2), null],
  ] as const)('sees contrast in %s, whatever the gain', (_, t1, t1ce, enhanced) => {
    expect(whichIsEnhanced(prepared(t1, t1ce))).toBe(enhanced);
  });

  it('asks the pixels only where neither tag nor name tells', () => {
    expect([isUnproven(likely), isUnproven(guess)]).toEqual([true, true]);
    expect(isUnproven(selectSeries(aStudy(native, aSeries('gd', { ...T1, acquisitionTime: '103000', contrastBolusAgent: 'Gd' })), []))).toBe(false);
    expect(isUnproven(selectSeries(aStudy(native, again), [], { t1ce: native.uid, t1: again.uid }))).toBe(false);
  });

  it('exchanges the two where the order was misleading, and says so', () => {
    const { used, identities, contrastByPixels } = settled(likely, 't1', true);
    expect(contrastByPixels).toBe('exchanged');
    expect(used).toEqual({ t1: again.uid, t1ce: native.uid });
    expect(identities.find(({ uid }) => uid === native.uid)).toMatchObject({ kind: 't1ce', used: true, reasons: expect.arrayContaining(['its pixels show contrast medium']) });
  });

  it('keeps what is likely where the pixels do not tell, with less confidence', () => {
    const { used, identities } = settled(likely, null, true);
    expect(used).toEqual(likely.used);
    expect(identities.find(({ kind }) => kind === 't1ce')!.confidence).toBeLessThan(settled(likely, 't1ce', true).identities.find(({ kind }) => kind === 't1ce')!.confidence);
  });

  it('does not go on with a guess that the pixels do not support', () => {
    expect(() => settled(guess, null, true)).toThrow('neither tags, names nor pixels');
    expect(settled(guess, null, false)).toMatchObject({ used: { t1: native.uid }, identities: [{ used: true }, { kind: 't1', used: false }] });
  });
});
