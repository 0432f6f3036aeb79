import { describe, expect, it } from 'vitest';
import { toCsv } from '../../../pages/src/csv.ts';

describe('a table as CSV', () => {
  it('has decimal points, and nothing where there is nothing', () => {
    expect(toCsv({ columns: ['date', 'mean_total_ml'], rows: [['2026-03-01', 30.5], ['2026-03-02', null]] })).toBe('date,mean_total_ml\r\n2026-03-01,30.5\r\n2026-03-02,\r\n');
  });

  it('quotes what would break a line or a column', () => {
    expect(toCsv({ columns: ['text'], rows: [['a,"b"\nc']] })).toBe('text\r\n"a,""b""\nc"\r\n');
  });
});
