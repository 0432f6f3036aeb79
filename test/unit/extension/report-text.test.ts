import { describe, expect, it } from 'vitest';
import { reportCsv, reportText } from '../../../extension/src/report-text.ts';
import { aResult } from '../../support/runs.ts';
import { aWireRun } from '../../support/wire-run.ts';

describe('a report as text', () => {
  it('gives the volumes in the reader’s language, with its decimal sign', () => {
    const text = reportText('fr', aWireRun(), aResult());
    expect(text).toContain('Tumeur totale : 30,0 mL');
    expect(text).toContain('Prise de contraste : 10,0 mL');
  });

  it('says that no tumour was found, and gives no volumes of parts then', () => {
    const none = { ...aResult(), volumesMl: { total: 0, necrotic: 0, edema: 0, enhancing: 0 }, enhancingDiametersMm: null };
    const text = reportText('en', aWireRun(), none);
    expect(text).toContain('No tumour was found');
    expect(text).not.toContain('mL');
  });

  it('says who decided, and gives no confidence of the model for what a reader drew', () => {
    const decided = (decision: 'accepted' | 'edited') => reportText('en', aWireRun({
      review: { decision, comment: null, segSeriesUid: null, by: 'Dr A. Martin', at: '2026-11-24T14:00:00.000Z', result: null },
    }), aResult());
    expect(decided('accepted')).toContain('Accepted by Dr A. Martin');
    expect(decided('accepted')).toContain('Confidence');
    expect(decided('edited')).toContain('Corrected by Dr A. Martin');
    expect(decided('edited')).not.toContain('Confidence');
  });

  it('says where the images showed that T1 and T1ce had to be exchanged', () => {
    expect(reportText('en', aWireRun(), { ...aResult(), contrastByPixels: 'exchanged' })).toContain('T1 and T1ce were exchanged');
    expect(reportText('fr', aWireRun(), { ...aResult(), contrastByPixels: 'exchanged' })).toContain('échangées');
  });

  it('names the sequences that were missing', () => {
    expect(reportText('en', aWireRun(), { ...aResult(), missing: ['t2'] })).toContain('T2 missing');
  });
});

describe('the measurements as a table', () => {
  it('have a decimal point and a unit on each row, and nothing where nothing was measured', () => {
    const rows = reportCsv({ ...aResult(), enhancingDiametersMm: null }).split('\r\n');
    expect(rows).toContain('volume_total,30,mL');
    expect(rows).toContain('enhancing_longest_diameter,,mm');
    expect(new Set(rows.filter(Boolean).map(row => row.split(',').length))).toEqual(new Set([3]));
  });
});
