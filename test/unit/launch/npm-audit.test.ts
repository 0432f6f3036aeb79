import { describe, expect, it } from 'vitest';
import { EXPLAINED, judge } from '../../../launch/npm-audit.ts';

const found = JSON.stringify({ auditReportVersion: 2, vulnerabilities: {
  express: { via: ['qs'] },
  qs: { via: [{ title: 'Prototype pollution', url: 'https://example.org/GHSA-1', severity: 'high', range: '<6.9.7' }] },
} });

describe('npm audit', () => {
  it('passes where nothing is known', () => {
    expect(judge(JSON.stringify({ auditReportVersion: 2, vulnerabilities: {} }))).toEqual({ exitCode: 0, lines: ['npm audit knows of nothing in the packages in use'] });
  });

  it('fails for a hole that nobody has looked at, and names it', () => {
    expect(judge(found)).toEqual({ exitCode: 1, lines: ['qs <6.9.7: high: Prototype pollution (https://example.org/GHSA-1)'] });
  });

  it('passes for one that was looked at, and says why', () => {
    expect(judge(found, { 'https://example.org/GHSA-1': 'no query is parsed by it' })).toEqual({ exitCode: 0, lines: [expect.stringContaining('looked at: no query is parsed by it')] });
  });

  it.each([['', 'no answer'], ['not JSON', 'no answer'], [JSON.stringify({ message: '405 Method Not Allowed - POST', method: 'POST' }), '405 Method Not Allowed']])(
    'says plainly that nothing was looked at where the registry does not answer: %s', (said, why) => {
      expect(judge(said)).toEqual({ exitCode: 3, lines: [expect.stringMatching(new RegExp(`^NOT LOOKED AT: .*${why}`))] });
    });

  it('has a reason for each that was looked at', () => {
    for (const reason of Object.values(EXPLAINED)) expect(reason.length).toBeGreaterThan(10);
  });
});
