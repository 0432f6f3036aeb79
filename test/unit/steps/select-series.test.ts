import { describe, expect, it } from 'vitest';
import { SEQUENCES } from '../../../inference-server/src/domain/study.ts';
import { selectSeries } from '../../../inference-server/src/steps/select-series.ts';
import { aSeries, aStudy } from '../../support/series.ts';

const MPRAGE = { seriesDescription: 'T1 MPRAGE ax', scanningSequence: ['GR', 'IR'], echoTimeMs: 2.98, repetitionTimeMs: 2300, inversionTimeMs: 900 };
const t1 = aSeries('t1', { ...MPRAGE, acquisitionTime: '100100' });
const t1ce = aSeries('t1ce', { ...MPRAGE, contrastBolusAgent: 'Gadobutrol', acquisitionTime: '101500' });
const t2 = aSeries('t2', { seriesDescription: 'T2 TSE ax', scanningSequence: ['SE'], echoTimeMs: 96, repetitionTimeMs: 5500, acquisitionTime: '100500' });
const flair = aSeries('flair', { seriesDescription: 'T2 FLAIR ax', scanningSequence: ['IR'], echoTimeMs: 120, repetitionTimeMs: 9000, inversionTimeMs: 2500, acquisitionTime: '100800' });

describe('selecting the series of a study', () => {
  it('finds T1, T1ce, T2 and FLAIR by their parameters and the agent tag', () => {
    expect(selectSeries(aStudy(flair, t1ce, t2, t1), SEQUENCES).used).toEqual({ t1: t1.uid, t1ce: t1ce.uid, t2: t2.uid, flair: flair.uid });
  });

  it('takes the later of two equal T1 series as T1ce when no tag says so', () => {
    const later = aSeries('later', { ...MPRAGE, acquisitionTime: '102000' });
    const { used, identities } = selectSeries(aStudy(later, t1, t2, flair), SEQUENCES);
    expect(used).toMatchObject({ t1: t1.uid, t1ce: later.uid });
    expect(identities.find(i => i.uid === later.uid)!.reasons).toContain('no contrast tag: the later of two T1 series of the same protocol');
  });

  it('prefers a thin 3-D FLAIR to a thick 2-D one', () => {
    const thick = aSeries('thick', { ...flair.attributes, mrAcquisitionType: '2D' }, { images: 24, stepMm: 6 });
    expect(selectSeries(aStudy(thick, t1, t1ce, t2, flair), SEQUENCES).used.flair).toBe(flair.uid);
  });

  it('names what is missing and what was found instead', () => {
    const scout = aSeries('scout', { seriesDescription: 'AAHead_Scout', imageType: ['ORIGINAL', 'PRIMARY', 'M', 'LOCALIZER'] }, { images: 9 });
    expect(() => selectSeries(aStudy(scout, t1, t2), SEQUENCES)).toThrow('The study has no T1ce and no FLAIR series (found: 1 localizer, 1 T1, 1 T2)');
  });

  it('says that a CT study is not MR', () => {
    expect(() => selectSeries(aStudy(aSeries('ct', { modality: 'CT' })), SEQUENCES)).toThrow('The study has no MR images (it has CT)');
  });

  it("takes the reader's choice before what it identified", () => {
    const other = aSeries('other', { ...flair.attributes, seriesDescription: 'unclear' });
    expect(selectSeries(aStudy(t1, t1ce, t2, flair, other), SEQUENCES, { flair: other.uid }).used.flair).toBe(other.uid);
  });

  it('goes on without a sequence that the reader dropped, and keeps its series out of every other place', () => {
    const { used, identities } = selectSeries(aStudy(t1, t1ce, t2, flair), ['t1ce', 'flair'], { t2: null });
    expect(used).toEqual({ t1: t1.uid, t1ce: t1ce.uid, flair: flair.uid });
    expect(identities.find(({ uid }) => uid === t2.uid)!.used).toBe(false);
  });

  it('does not go on without a sequence that the model needs', () => {
    expect(() => selectSeries(aStudy(t1, t1ce, t2, flair), ['t1ce', 'flair'], { flair: null })).toThrow('The study has no FLAIR series');
  });

  it('refuses a choice that is not in the study', () => {
    expect(() => selectSeries(aStudy(t1, t1ce, t2, flair), SEQUENCES, { t2: aSeries('elsewhere').uid })).toThrow('The series chosen for T2 is not an MR series of this study');
  });
});
